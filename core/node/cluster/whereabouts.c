/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding the NATS servers by gossip, as the settings say. */
#include "core/node/cluster/whereabouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/common/say.h"
#include "transport/peer/gossip.h"

struct nc_whereabouts {
	struct nc_gossip *gossip;
	void (*on_url)(void *ctx, const char *url);
	void *ctx;
	bool drop_said;
	char urls[NC_GOSSIP_URLS_SIZE]; /* "": none was heard */
};

static void on_urls(void *ctx, const char *urls, const char *from)
{
	struct nc_whereabouts *whereabouts = ctx;
	if (whereabouts->urls[0] != '\0')
		return;
	(void)snprintf(whereabouts->urls, sizeof whereabouts->urls, "%s", urls);
	nc_say_info("gossip: %s says that NATS is at %s", from, urls);
	nc_gossip_spread(whereabouts->gossip, urls);
	whereabouts->on_url(whereabouts->ctx, whereabouts->urls);
}

static void on_drop(void *ctx)
{
	struct nc_whereabouts *whereabouts = ctx;
	if (!whereabouts->drop_said) {
		nc_say_warning("gossip: refused what is not signed with this node's "
		               "NACRE_CLUSTER_SECRET, or by a clock that is far from ours");
	}
	whereabouts->drop_said = true;
}

static int gossip_start(uv_loop_t *loop, const struct nc_config *config,
                        struct nc_whereabouts *whereabouts)
{
	char fault[NC_GOSSIP_FAULT_SIZE] = "out of memory";
	const struct nc_gossip_options options = {
		.loop = loop,
		.broadcast = strcmp(config->gossip, "broadcast") == 0,
		.group = config->gossip_group,
		.interface = config->gossip_interface,
		.port = (uint16_t)config->gossip_port,
		.ttl = (uint8_t)config->gossip_ttl,
		.store = config->store_id,
		.name = config->node_id,
		.secret = config->cluster_secret,
		.also = config->cluster_secret_also,
		.urls = config->nats_url,
		.on_urls = on_urls,
		.on_drop = on_drop,
		.ctx = whereabouts,
	};
	int err = nc_gossip_start(&options, &whereabouts->gossip, fault);
	if (err != NC_OK) {
		nc_say_error("gossip: %s", fault);
	} else if (config->nats_url[0] == '\0') {
		nc_say_info("gossip: waiting to hear where NATS is");
	}
	return err;
}

int nc_whereabouts_start(uv_loop_t *loop, const struct nc_config *config,
                         void (*on_url)(void *ctx, const char *url), void *ctx,
                         struct nc_whereabouts **whereabouts_out)
{
	*whereabouts_out = NULL;
	if (strcmp(config->gossip, "off") == 0)
		return NC_OK;
	struct nc_whereabouts *whereabouts = calloc(1, sizeof *whereabouts);
	if (whereabouts == NULL)
		return NC_NOMEM;
	whereabouts->on_url = on_url;
	whereabouts->ctx = ctx;
	(void)snprintf(whereabouts->urls, sizeof whereabouts->urls, "%s", config->nats_url);
	int err = gossip_start(loop, config, whereabouts);
	if (err != NC_OK) {
		free(whereabouts);
		return err;
	}
	*whereabouts_out = whereabouts;
	return NC_OK;
}

void nc_whereabouts_stop(struct nc_whereabouts *whereabouts)
{
	if (whereabouts == NULL)
		return;
	nc_gossip_stop(whereabouts->gossip); /* it makes no more callbacks */
	free(whereabouts);
}
