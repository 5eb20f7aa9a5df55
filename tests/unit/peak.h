/* peak: what a test program needed at most. Include after cmocka.h. */
#ifndef WHERRY_TEST_PEAK_H
#define WHERRY_TEST_PEAK_H

#include <stdio.h>

/* Peak of this program alone, KiB. getrusage() would not do: ru_maxrss keeps
 * the peak of the shell that called exec, and hides what is below it. */
static inline long
peak(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmHWM: %ld", &kib) == 1) {
			break;
		}
	}
	if (f != NULL) {
		fclose(f);
	}
	assert_true(kib > 0);
	return kib;
}

#endif
