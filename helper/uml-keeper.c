/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* uml-keeper: the parent of one kernel process. keeper.h says what for, and how the helper and it speak. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "helper.h"
#include "keeper.h"
#include "kill.h"
#include "util.h"

#define SHOWN_ARGUMENTS 4 /* uml-keeper KERNEL ARGV0 umid=NAME */

static void tell(int32_t kind, int32_t value, int32_t rest) {
        const KeeperMessage message = {.kind = kind, .value = value, .rest = rest};

        /* Who is not there is told by nobody. The socket has room for the two messages of a life. */
        (void) send(KEEPER_FD, &message, sizeof(message), MSG_NOSIGNAL);
}

static int reset_signals(void) {
        const struct sigaction by_default = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int signal = 1; signal < NSIG; signal++)
                if (signal != SIGKILL && signal != SIGSTOP)
                        (void) sigaction(signal, &by_default, NULL); /* EINVAL for the two that glibc keeps */
        (void) sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? negative_errno() : 0;
}

static int become_kernel(const char *path, char *const argv[]) {
        int null, r;

        r = reset_signals();
        if (r < 0)
                return r;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return negative_errno();

        /* With randomisation, kernels before 7.x take up to a gigabyte more memory, and lose some of the guest's ("Adding …
         * bytes to account for exec-shield gap"). LockPersonality= forbids it: then it stays so. */
        (void) personality(ADDR_NO_RANDOMIZE);

        (void) execv(path, argv);
        return negative_errno();
}

/* Its pid, or the negative errno of what failed, execve() included. */
static pid_t start_kernel(const char *path, char *const argv[]) {
        int report[2], failure = 0;
        ssize_t n;
        pid_t pid;

        if (pipe2(report, O_CLOEXEC) < 0)
                return negative_errno();
        pid = fork();
        if (pid == 0) {
                failure = become_kernel(path, argv);
                (void) write_all(report[1], &failure, sizeof(failure));
                _exit(EXIT_FAILURE);
        }
        if (pid < 0)
                pid = negative_errno();
        safe_close(report[1]);
        if (pid > 0) {
                do
                        n = read(report[0], &failure, sizeof(failure));
                while (n < 0 && errno == EINTR);
                if (n == sizeof(failure))
                        pid = failure;
        }
        safe_close(report[0]);
        return pid;
}

/* The guest's lines and the kernel's output are the kernel's alone: their ends must be seen. */
static int let_go_of_lines(void) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                return negative_errno();
        return 0;
}

/* In ps(1) and `systemctl status` the guest's options are the kernel's to show: ours end after the guest's name. Arguments lie
 * one behind the other. */
static void shorten_command_line(int argc, char *argv[]) {
        if (argc > SHOWN_ARGUMENTS)
                memset(argv[SHOWN_ARGUMENTS], 0, (size_t) (argv[argc - 1] + strlen(argv[argc - 1]) - argv[SHOWN_ARGUMENTS]));
}

/* Returns whether the kernel has ended. */
static bool reap(pid_t kernel, int *ret_status) {
        bool ended = false;
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == kernel) {
                        *ret_status = status;
                        ended = true;
                }
        return ended;
}

/* A signal that the helper wants sent. False: there is no helper any more, and none will come. */
static bool serve_helper(pid_t kernel) {
        unsigned char signal;
        ssize_t n = recv(KEEPER_FD, &signal, 1, MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        if (n > 0 && signal == SIGKILL)
                (void) kill(-kernel, signal); /* of its session, once it has one */
        if (n > 0)
                (void) kill(kernel, signal);
        return n > 0;
}

/* Until the kernel's end; its wait status, or -1 if nobody is there to be told. */
static int keep(pid_t kernel, int signals) {
        for (;;) {
                struct pollfd p[] = {{.fd = signals, .events = POLLIN}, {.fd = KEEPER_FD, .events = POLLIN}};
                struct signalfd_siginfo info;
                int status;

                if (poll(p, ELEMENTSOF(p), -1) < 0 && errno != EINTR)
                        return -1;
                if (p[0].revents) {
                        (void) !read(signals, &info, sizeof(info));
                        if (reap(kernel, &status))
                                return status;
                }
                if (p[1].revents && !serve_helper(kernel))
                        return -1;
        }
}

int main(int argc, char *argv[]) {
        int signals, status, r;
        sigset_t set;
        pid_t kernel;

        if (argc < 3)
                return STATUS_USAGE;

        /* No signal that is for the guest's service ends the keeper before the guest. */
        (void) sigfillset(&set);
        (void) sigprocmask(SIG_SETMASK, &set, NULL);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                tell(KEEPER_FAILED, negative_errno(), 0);
                return STATUS_OS;
        }
        kernel = start_kernel(argv[1], argv + 2);
        if (kernel < 0) {
                tell(KEEPER_FAILED, kernel, 0);
                return STATUS_UNAVAILABLE;
        }
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        r = let_go_of_lines();
        signals = r < 0 ? -EBADF : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0) {
                r = r < 0 ? r : negative_errno();
                (void) kill_children(kernel);
                tell(KEEPER_FAILED, r, 0);
                return STATUS_OS;
        }

        shorten_command_line(argc, argv);
        tell(KEEPER_STARTED, kernel, 0);
        status = keep(kernel, signals);
        r = kill_children(kernel);
        tell(KEEPER_ENDED, status, r < 0);
        return EXIT_SUCCESS;
}
