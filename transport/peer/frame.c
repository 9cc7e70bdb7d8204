/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: signing and opening. */
#include "transport/peer/frame.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "core/base/pack.h"
#include "core/engine/names.h"

#define FRAME_FIELDS 11u
#define MAC_SIZE     32u
#define MAC_TAIL     (MAC_SIZE + 2u) /* bin 8, its size, its bytes */
#define KEYS         2u

struct nc_peer_keys {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx[KEYS]; /* keyed; NULL: no such secret */
};

/* ---- Keys ----------------------------------------------------------------------------------- */

static bool mac_of(EVP_MAC_CTX *ctx, struct nc_slice bytes, uint8_t mac_out[MAC_SIZE])
{
	size_t size = 0;
	return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(ctx, bytes.data, bytes.size) == 1 &&
	       EVP_MAC_final(ctx, mac_out, &size, MAC_SIZE) == 1 && size == MAC_SIZE;
}

static EVP_MAC_CTX *keyed(EVP_MAC *mac, struct nc_slice key)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	if (ctx != NULL && EVP_MAC_init(ctx, key.data, key.size, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* The key is HMAC(secret, "nacre frame 1 " + store). */
static EVP_MAC_CTX *key_make(EVP_MAC *mac, const char *store, const char *secret)
{
	uint8_t key[MAC_SIZE];
	struct nc_buf label = { 0 };
	EVP_MAC_CTX *made = NULL;
	EVP_MAC_CTX *ctx = keyed(mac, nc_slice_str(secret));
	nc_buf_printf(&label, "nacre frame %u %s", NC_PEER_VERSION, store);
	if (ctx != NULL && nc_buf_status(&label) == NC_OK && mac_of(ctx, nc_buf_slice(&label), key))
		made = keyed(mac, nc_slice(key, sizeof key));
	OPENSSL_cleanse(key, sizeof key);
	EVP_MAC_CTX_free(ctx);
	nc_buf_release(&label);
	return made;
}

int nc_peer_keys_new(const char *store, const char *secret, const char *also,
                     struct nc_peer_keys **keys_out)
{
	if (secret == NULL || *secret == '\0')
		return NC_INVALID;
	bool two = also != NULL && *also != '\0';
	struct nc_peer_keys *keys = calloc(1, sizeof *keys);
	if (keys == NULL)
		return NC_NOMEM;
	keys->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (keys->mac != NULL) {
		keys->ctx[0] = key_make(keys->mac, store, secret);
		keys->ctx[1] = two ? key_make(keys->mac, store, also) : NULL;
	}
	if (keys->ctx[0] == NULL || (two && keys->ctx[1] == NULL)) {
		nc_peer_keys_free(keys);
		return NC_NOMEM;
	}
	*keys_out = keys;
	return NC_OK;
}

void nc_peer_keys_free(struct nc_peer_keys *keys)
{
	if (keys == NULL)
		return;
	for (unsigned i = 0; i < KEYS; i++)
		EVP_MAC_CTX_free(keys->ctx[i]); /* OpenSSL wipes the key */
	EVP_MAC_free(keys->mac);
	free(keys);
}

/* ---- Sealing -------------------------------------------------------------------------------- */

int nc_peer_frame_seal(const struct nc_peer_frame *frame, struct nc_peer_keys *keys,
                       struct nc_buf *buf)
{
	uint8_t mac[MAC_SIZE];
	size_t begin = buf->size;
	nc_pack_array(buf, FRAME_FIELDS);
	nc_pack_uint(buf, NC_PEER_VERSION);
	nc_pack_bin(buf, nc_slice(frame->cluster_id, sizeof frame->cluster_id));
	nc_pack_str(buf, frame->sender);
	nc_pack_uint(buf, frame->number);
	nc_pack_str(buf, frame->receiver);
	nc_pack_uint(buf, frame->epoch);
	nc_pack_uint(buf, frame->message);
	nc_pack_uint(buf, frame->receiver_epoch);
	nc_pack_uint(buf, frame->kind);
	nc_pack_bin(buf, frame->body);
	if (nc_buf_status(buf) != NC_OK ||
	    !mac_of(keys->ctx[0], nc_slice(buf->data + begin, buf->size - begin), mac))
		return NC_NOMEM;
	nc_pack_bin(buf, nc_slice(mac, sizeof mac));
	return nc_buf_status(buf);
}

/* ---- Opening -------------------------------------------------------------------------------- */

static bool is_signed(struct nc_slice bytes, struct nc_peer_keys *keys)
{
	uint8_t mac[MAC_SIZE];
	if (bytes.size <= MAC_TAIL)
		return false;
	struct nc_slice covered = nc_slice(bytes.data, bytes.size - MAC_TAIL);
	const uint8_t *tail = bytes.data + covered.size;
	if (tail[0] != 0xc4 || tail[1] != MAC_SIZE)
		return false;
	for (unsigned i = 0; i < KEYS; i++) {
		if (keys->ctx[i] != NULL && mac_of(keys->ctx[i], covered, mac) &&
		    CRYPTO_memcmp(mac, tail + 2, MAC_SIZE) == 0)
			return true;
	}
	return false;
}

static bool is_name(struct nc_slice name)
{
	return name.size < NC_PEER_NAME_SIZE && nc_name_word_fault(name) == NULL;
}

/* Errors: NC_UNSUPPORTED, NC_INVALID. The rest of `reader` is the body, and the signature. */
static int get_head(struct nc_reader *reader, struct nc_peer_frame *frame)
{
	size_t fields = nc_unpack_array(reader);
	uint64_t version = nc_unpack_uint(reader);
	if (reader->failed)
		return NC_INVALID;
	if (version != NC_PEER_VERSION)
		return NC_UNSUPPORTED;
	struct nc_slice cluster_id = nc_unpack_bin(reader);
	frame->sender = nc_unpack_str(reader);
	frame->number = nc_unpack_uint(reader);
	frame->receiver = nc_unpack_str(reader);
	frame->epoch = nc_unpack_uint(reader);
	frame->message = nc_unpack_uint(reader);
	frame->receiver_epoch = nc_unpack_uint(reader);
	uint64_t kind = nc_unpack_uint(reader);
	if (reader->failed || fields != FRAME_FIELDS || cluster_id.size != NC_PEER_CLUSTER_ID_SIZE)
		return NC_INVALID;
	bool to_all = nc_slice_is(frame->receiver, "*");
	if (!is_name(frame->sender) || (!to_all && !is_name(frame->receiver)) ||
	    to_all != (frame->receiver_epoch == 0) || frame->number == 0 || frame->epoch == 0 ||
	    frame->message == 0 || kind > UINT8_MAX)
		return NC_INVALID;
	memcpy(frame->cluster_id, cluster_id.data, NC_PEER_CLUSTER_ID_SIZE);
	frame->kind = (uint8_t)kind;
	return NC_OK;
}

int nc_peer_frame_open(struct nc_slice bytes, struct nc_peer_keys *keys,
                       struct nc_peer_frame *frame_out)
{
	if (!is_signed(bytes, keys))
		return NC_CONFLICT;
	struct nc_reader reader = nc_reader(bytes);
	struct nc_peer_frame frame = { .kind = 0 };
	int err = get_head(&reader, &frame);
	if (err != NC_OK)
		return err;
	frame.body = nc_unpack_bin(&reader);
	if (reader.failed || nc_reader_left(&reader) != MAC_TAIL)
		return NC_INVALID;
	*frame_out = frame;
	return NC_OK;
}

struct nc_slice nc_peer_frame_claim(struct nc_slice bytes)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_peer_frame frame = { .kind = 0 };
	return get_head(&reader, &frame) == NC_OK ? frame.sender : nc_slice(NULL, 0);
}
