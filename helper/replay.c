/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <sys/stat.h>

#include "replay.h"
#include "store.h"
#include "util.h"

#define HEADER 64 /* bytes before the output; more than `end`, so that the output begins aligned */

static size_t area_size(const Replay *r) {
        return HEADER + r->max;
}

static bool map(Replay *r, int fd) {
        void *area = mmap(NULL, area_size(r), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (area == MAP_FAILED)
                return false;
        r->area = area;
        r->data = (char *) area + HEADER;
        r->size = r->max;
        r->fd = fd;
        return true;
}

/* Once, when the first output comes. */
static void make_room(Replay *r) {
        int fd;

        if (r->area || r->max == 0)
                return;
        fd = memfd_create("replay", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t) area_size(r)) < 0 || !map(r, fd)) {
                safe_close(fd);
                r->max = 0;
                return;
        }
        if (r->name)
                store_add(r->name, fd);
}

void replay_open(Replay *r, const char *name, size_t max) {
        struct stat st;
        int fd;

        *r = (Replay) {.name = name, .max = max, .fd = -EBADF};
        fd = store_take(name);
        if (fd < 0)
                return;
        if (fstat(fd, &st) < 0 || (uint64_t) st.st_size != area_size(r) || !map(r, fd)) { /* of another size, once */
                store_remove(name);
                safe_close(fd);
                return;
        }
        memcpy(&r->end, r->area, sizeof(r->end));
}

/* Byte POSITION is at POSITION modulo size. The output is there before the position that says so: whoever takes over from a
 * helper that was killed in between misses some, and sees nothing that never was. */
void replay_add(Replay *r, const char *data, size_t size) {
        make_room(r);
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
        if (r->area)
                memcpy(r->area, &r->end, sizeof(r->end));
}

void replay_done(Replay *r) {
        if (r->area)
                (void) munmap(r->area, area_size(r));
        if (r->area && r->name)
                store_remove(r->name);
        if (r->area)
                safe_close(r->fd);
        *r = (Replay) {.fd = -EBADF};
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
