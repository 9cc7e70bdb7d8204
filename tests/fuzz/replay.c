/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay.c -- stands for libFuzzer where there is none: runs the files that it is given, once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_SIZE_MAX (1u << 20)

int main(int argc, char **argv)
{
	uint8_t *input = malloc(INPUT_SIZE_MAX);
	for (int i = 1; input != NULL && i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		if (in == NULL) {
			perror(argv[i]);
			return 1;
		}
		size_t size = fread(input, 1, INPUT_SIZE_MAX, in);
		(void)fclose(in);
		(void)LLVMFuzzerTestOneInput(input, size);
	}
	free(input);
	(void)printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
