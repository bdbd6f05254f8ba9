/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "loop.h"

static Loop loop;
static char order[16];

static void append(char c) {
        size_t n = strlen(order);

        order[n] = c;
        order[n + 1] = 0;
}

static void on_a(void *userdata) {
        append('a');
}

static void on_b(void *userdata) {
        append('b');
        loop_clear_timer(&loop, userdata);
}

static void on_end(void *userdata) {
        append('e');
        loop.done = true;
}

static void test_timers(void **state) {
        Timer never = {.function = on_a}, a = {.function = on_a}, b = {.function = on_b, .userdata = &never}, end = {.function = on_end};

        assert_int_equal(loop_open(&loop), 0);
        order[0] = 0;
        loop_set_timer(&loop, &end, 30000);
        loop_set_timer(&loop, &never, 20000);
        loop_set_timer(&loop, &b, 10000);
        loop_set_timer(&loop, &a, 60000);
        loop_set_timer(&loop, &a, 1000); /* anew */
        assert_int_equal(loop_run(&loop), 0);
        assert_string_equal(order, "abe");
        loop_close(&loop);
}

static void on_input(void *userdata, uint32_t events) {
        Io *io = userdata;
        char c;

        if (read(io->fd, &c, 1) == 1)
                append(c);
        else {
                loop_unwatch(&loop, io);
                loop.done = true;
        }
}

static void test_io(void **state) {
        int pipe_fds[2];
        Io io;

        assert_int_equal(loop_open(&loop), 0);
        assert_int_equal(pipe(pipe_fds), 0);
        io = (Io) {.fd = pipe_fds[0], .function = on_input, .userdata = &io};
        order[0] = 0;
        assert_int_equal(loop_watch(&loop, &io, EPOLLIN), 0);
        assert_int_equal(write(pipe_fds[1], "xyz", 3), 3);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(loop_run(&loop), 0);
        assert_string_equal(order, "xyz");
        assert_int_equal(close(pipe_fds[0]), 0);
        loop_close(&loop);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("timers run in the order of their times, once, and not when cleared", test_timers),
                TEST("a descriptor is read until its end", test_io),
        };

        return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
