/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/stat.h>

#include "replay.h"

/* All that is kept from a position on. */
static void read_from(const Replay *r, uint64_t position, char *ret, size_t size) {
        const char *data = NULL;
        size_t n, got = 0;

        while ((n = replay_peek(r, position, &data)) > 0) {
                assert_true(got + n < size);
                memcpy(ret + got, data, n);
                got += n;
                position += n;
        }
        assert_int_equal(position, r->end);
        ret[got] = 0;
}

static void add(Replay *r, const char *text) {
        replay_add(r, text, strlen(text));
}

static void assert_replay(const Replay *r, const char *want) {
        char text[65536];

        read_from(r, replay_begin(r), text, sizeof(text));
        assert_string_equal(text, want);
}

static void test_lines(void **state) {
        Replay r = {.max = 16};

        assert_replay(&r, "");
        assert_null(r.area);
        add(&r, "one\ntwo\n");
        assert_replay(&r, "one\ntwo\n");
        add(&r, "three\nfo"); /* full to the last byte */
        assert_replay(&r, "one\ntwo\nthree\nfo");
        add(&r, "u");
        assert_replay(&r, "two\nthree\nfou");
        add(&r, "r\nfive\n");
        assert_replay(&r, "three\nfour\nfive\n" + 6);
        assert_int_equal(replay_oldest(&r), r.end - 16);
        add(&r, "a line that is longer than all");
        assert_replay(&r, "s longer than all" + 1);
        replay_done(&r);
}

static void test_none(void **state) {
        Replay r = {};

        add(&r, "lost");
        assert_int_equal(r.end, 4);
        assert_int_equal(replay_oldest(&r), 4);
        assert_int_equal(replay_begin(&r), 4);
        assert_replay(&r, "");
        assert_null(r.area);
}

/* Against a string that keeps everything, in pieces of all sizes; a bound that is no power of two. */
static void test_growth(void **state) {
        static char all[200000], text[200000];
        Replay r = {.max = 12345};
        unsigned random = 1;
        size_t n = 0;

        while (n + 30000 < sizeof(all)) {
                size_t piece;

                random = random * 1103515245 + 12345;
                piece = (random >> 16) % (n > 100000 ? 20000 : 300);
                for (size_t i = 0; i < piece; i++)
                        all[n + i] = (char) ('a' + (n + i) % 23);
                replay_add(&r, all + n, piece);
                n += piece;
                assert_int_equal(r.end, n);
                assert_int_equal(n - replay_oldest(&r), MIN_OF(n, r.max));
                read_from(&r, replay_oldest(&r), text, sizeof(text));
                assert_memory_equal(text, all + replay_oldest(&r), n - replay_oldest(&r));
        }
        replay_done(&r);
}

static void test_room(void **state) {
        Replay r = {.max = 16U << 20};
        struct stat st;

        add(&r, "a line\n");
        assert_int_equal(fstat(r.fd, &st), 0);
        assert_true(st.st_blocks * 512 <= 65536);
        replay_done(&r);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a replay begins with a line, unless nothing was dropped", test_lines),
                TEST("a replay of no size keeps nothing, and takes no memory", test_none),
                TEST("a replay keeps the last bytes, up to its bound", test_growth),
                TEST("a replay takes no more memory than there has been output", test_room),
        };

        return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
