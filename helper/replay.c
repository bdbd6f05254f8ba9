/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay.h"
#include "util.h"

#define SIZE_MIN 4096

/* Byte POSITION is at POSITION modulo size. Growing keeps that true as long as nothing was overwritten, and after that
 * there is nothing to grow for. */
static void make_room(Replay *r, size_t size) {
        size_t need = r->end + size < r->max ? (size_t) r->end + size : r->max, room = SIZE_MIN;
        char *p;

        if (need <= r->size)
                return;
        while (room < need)
                room *= 2;
        room = MIN_OF(room, r->max);
        p = realloc(r->data, room);
        if (!p) {
                r->max = r->size;
                return;
        }
        r->data = p;
        r->size = room;
}

void replay_add(Replay *r, const char *data, size_t size) {
        make_room(r, size);
        if (size > r->size) { /* the last ones only */
                r->end += size - r->size;
                data += size - r->size;
                size = r->size;
        }
        while (size > 0) {
                size_t at = (size_t) (r->end % r->size), n = MIN_OF(size, r->size - at);

                memcpy(r->data + at, data, n);
                r->end += n;
                data += n;
                size -= n;
        }
}

void replay_done(Replay *r) {
        free(r->data);
        *r = (Replay) {};
}

uint64_t replay_oldest(const Replay *r) {
        return r->end - MIN_OF(r->end, (uint64_t) r->size);
}

size_t replay_peek(const Replay *r, uint64_t position, const char **ret) {
        size_t at;

        if (position >= r->end || r->size == 0)
                return 0;
        at = (size_t) (position % r->size);
        *ret = r->data + at;
        return (size_t) MIN_OF(r->end - position, (uint64_t) (r->size - at));
}

uint64_t replay_begin(const Replay *r) {
        uint64_t oldest = replay_oldest(r), position = oldest;
        const char *data = NULL;
        size_t n;

        if (oldest == 0) /* nothing was dropped */
                return 0;
        while ((n = replay_peek(r, position, &data)) > 0) {
                const char *feed = memchr(data, '\n', n);

                if (feed)
                        return position + (uint64_t) (feed - data) + 1;
                position += n;
        }
        return oldest;
}
