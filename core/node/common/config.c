/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings from the three places that they may stand in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/node/common/config_private.h"

/* ---- The file ------------------------------------------------------------------------------- */

static int line_read(struct nc_config *config, char *line, const char *path, unsigned number,
                     char *fault)
{
	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return NC_OK;
	char *equals = strchr(line, '=');
	const struct nc_setting *setting =
	        equals == NULL ? NULL : nc_setting_by_name(line, (size_t)(equals - line));
	if (setting == NULL) {
		int shown = (int)(equals == NULL ? strlen(line) : (size_t)(equals - line));
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE,
		               "%s:%u: unknown setting '%.*s' (see --help)", path, number,
		               shown > 64 ? 64 : shown, line);
		return NC_INVALID;
	}
	char *value = equals + 1;
	size_t size = strlen(value);
	if (size >= 2 && (value[0] == '"' || value[0] == '\'') && value[size - 1] == value[0]) {
		value[size - 1] = '\0';
		value++;
	}
	return nc_setting_set(config, setting, value, fault);
}

static int file_read(struct nc_config *config, const char *path, char *fault)
{
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "--config %s: %s", path,
		               strerror(errno));
		return NC_IO;
	}
	char *line = NULL;
	size_t room = 0;
	unsigned number = 0;
	int err = NC_OK;
	while (err == NC_OK && getline(&line, &room, file) >= 0)
		err = line_read(config, line, path, ++number, fault);
	if (err == NC_OK && !feof(file)) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "--config %s: %s", path,
		               strerror(errno));
		err = NC_IO;
	}
	free(line);
	(void)fclose(file);
	return err;
}

/* ---- The environment ------------------------------------------------------------------------ */

static int environment_read(struct nc_config *config, char **environment, char *fault)
{
	for (char **at = environment; *at != NULL; at++) {
		const char *equals = strchr(*at, '=');
		if (equals == NULL)
			continue;
		size_t size = (size_t)(equals - *at);
		const struct nc_setting *setting = nc_setting_by_name(*at, size);
		bool ours = strncmp(*at, "NACRE_", 6) == 0;
		if (setting == NULL && ours) {
			(void)snprintf(fault, NC_CONFIG_FAULT_SIZE,
			               "unknown setting %.*s in the environment (see --help)",
			               size > 64 ? 64 : (int)size, *at);
			return NC_INVALID;
		}
		int err = setting == NULL ? NC_OK
		                          : nc_setting_set(config, setting, equals + 1, fault);
		if (err != NC_OK)
			return err;
	}
	return NC_OK;
}

/* ---- Flags ---------------------------------------------------------------------------------- */

/* The setting that a flag "--name" or "--name=value" sets, and where its value begins. */
static const struct nc_setting *flag_find(const char *arg, const char **value_out)
{
	if (strncmp(arg, "--", 2) != 0)
		return NULL;
	size_t size = strcspn(arg + 2, "=");
	*value_out = arg[2 + size] == '=' ? arg + 3 + size : NULL;
	return nc_setting_by_flag(arg + 2, size);
}

/* Read a flag that takes no value. False: it is not such a flag. */
static bool switch_read(struct nc_config *config, const char *arg)
{
	bool help = strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
	bool version = strcmp(arg, "--version") == 0;
	bool verify = strcmp(arg, "--verify") == 0;
	config->help |= help;
	config->version |= version;
	config->verify |= verify;
	return help || version || verify;
}

/* Read the flag of a setting at argv[*at] and its value; if that is the next argument, *at moves
 * there. */
static int flag_read(struct nc_config *config, int argc, char **argv, int *at, char *fault)
{
	const char *value = NULL;
	const struct nc_setting *setting = flag_find(argv[*at], &value);
	if (setting == NULL) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "unknown flag %.64s (see --help)",
		               argv[*at]);
		return NC_INVALID;
	}
	if (value == NULL && *at + 1 < argc)
		value = argv[++*at];
	if (value == NULL) {
		(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "%s needs a value", argv[*at]);
		return NC_INVALID;
	}
	return nc_setting_set(config, setting, value, fault);
}

int nc_config_flag_size(char **argv, int at)
{
	const char *value = NULL;
	struct nc_config ignored = { 0 };
	if (strcmp(argv[at], "--config") == 0)
		return 2;
	if (strncmp(argv[at], "--config=", 9) == 0 || switch_read(&ignored, argv[at]))
		return 1;
	if (flag_find(argv[at], &value) == NULL)
		return 0;
	return value == NULL ? 2 : 1;
}

static int flags_read(struct nc_config *config, int argc, char **argv, char *fault)
{
	for (int i = 1; i < argc; i++) {
		int err = NC_OK;
		if (switch_read(config, argv[i]))
			continue;
		if (strcmp(argv[i], "--config") == 0) { /* it was read before the others */
			i++;
		} else if (strncmp(argv[i], "--config=", 9) != 0) {
			err = flag_read(config, argc, argv, &i, fault);
		}
		if (err != NC_OK)
			return err;
	}
	return NC_OK;
}

/* Find --config, which is read before all others. `*path_out` is NULL if it is not there. */
static int config_path(int argc, char **argv, const char **path_out, char *fault)
{
	*path_out = NULL;
	for (int i = 1; i < argc; i++) {
		bool apart = strcmp(argv[i], "--config") == 0;
		if (!apart && strncmp(argv[i], "--config=", 9) != 0)
			continue;
		if (*path_out != NULL) {
			(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "--config is given twice");
			return NC_INVALID;
		}
		*path_out = apart ? argv[++i] : argv[i] + 9; /* argv ends with NULL */
		if (*path_out == NULL) {
			(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "--config needs a file");
			return NC_INVALID;
		}
	}
	return NC_OK;
}

/* ---- All of it ------------------------------------------------------------------------------ */

int nc_config_read(int argc, char **argv, char **environment, struct nc_config *config_out,
                   char fault[NC_CONFIG_FAULT_SIZE])
{
	struct nc_config config = { 0 };
	(void)snprintf(fault, NC_CONFIG_FAULT_SIZE, "out of memory");
	const char *path = NULL;
	int err = nc_setting_defaults(&config, fault);
	if (err == NC_OK)
		err = config_path(argc, argv, &path, fault);
	if (err == NC_OK && path != NULL)
		err = file_read(&config, path, fault);
	if (err == NC_OK)
		err = environment_read(&config, environment, fault);
	if (err == NC_OK)
		err = flags_read(&config, argc, argv, fault);
	if (err == NC_OK && !config.help && !config.version)
		err = nc_config_check(&config, fault);
	if (err != NC_OK) {
		nc_config_release(&config);
		return err;
	}
	*config_out = config;
	return NC_OK;
}
