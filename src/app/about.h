/* about: `wherry -V`: version, libraries, the table of fixed memory. */
#ifndef WHERRY_APP_ABOUT_H
#define WHERRY_APP_ABOUT_H

void about(void);

#endif
