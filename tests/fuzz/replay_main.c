/*
 * replay_main: feed files to a fuzz target without libFuzzer, so that every
 * input that was ever interesting is a test with any compiler.
 *
 *	replay/fuzz_x FILE...
 *
 * Each input lies in a buffer of exactly its size that ends at a page nobody
 * may touch. The name of the input is printed before it runs, so a crash
 * names its cause.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *whole = NULL;
	char *copy;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
		perror(path);
		return -1;
	}
	rewind(f);
	whole = malloc((size_t)size + 1);
	if (whole == NULL ||
	    fread(whole, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		fclose(f);
		free(whole);
		return -1;
	}
	fclose(f);
	printf("%s\n", path);
	fflush(stdout);
	copy = guard_copy(whole, (size_t)size);
	free(whole);
	LLVMFuzzerTestOneInput((const uint8_t *)copy, (size_t)size);
	guard_free(copy);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) != 0) {
			failed = 1;
		}
	}
	return failed;
}
