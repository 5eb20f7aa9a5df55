/* show_cert: `wherry show-cert HOST[:PORT]`. Exit status. */
#ifndef WHERRY_APP_SHOW_CERT_H
#define WHERRY_APP_SHOW_CERT_H

int show_cert(const char *target);

#endif
