/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "escape.h"
#include "shell.h"

/* The shell's characters that begin something other than a word. A digit string before `<` or `>` is looked for apart. */
#define OPERATORS "|&;<>()\n"
#define BLANKS " \t"

typedef struct Lexer {
        const char *p, *end;
        unsigned line, column;
        Reporter *reporter;
        ShellCommand *command;
        bool ended; /* the command: by a newline, `;` or `&` */
        bool told;  /* that there is another one */
} Lexer;

/* The character n ahead, or 0 after the last: a NUL in the text is refused as any control character. */
static char peek(const Lexer *l, size_t n) {
        return (size_t) (l->end - l->p) > n ? l->p[n] : 0;
}

static bool at_end(const Lexer *l) {
        return l->p == l->end;
}

static char next(Lexer *l) {
        char c = *l->p++;

        if (c == '\n') {
                l->line++;
                l->column = 1;
        } else
                l->column++;
        return c;
}

static void skip(Lexer *l, size_t n) {
        while (n-- > 0)
                next(l);
}

#define refuse(l, ...) reporter_say((l)->reporter, SEVERITY_ERROR, (l)->line, (l)->column, __VA_ARGS__)

static bool is_one_of(char c, const char *set) {
        return c && strchr(set, c);
}

/* Blanks, line continuations, and a comment. */
static void skip_blanks(Lexer *l) {
        for (;;) {
                if (is_one_of(peek(l, 0), BLANKS))
                        next(l);
                else if (peek(l, 0) == '\\' && peek(l, 1) == '\n')
                        skip(l, 2);
                else
                        break;
        }
        if (peek(l, 0) == '#')
                while (!at_end(l) && *l->p != '\n')
                        next(l);
}

/* What the shell would replace by something else. Inside of double quotes only the first two. */
static void refuse_expansion(Lexer *l, bool quoted) {
        char c = peek(l, 0);

        if (c == '$' || c == '`')
                refuse(l, "'%c': the shell would put something in its place; write the value itself", c);
        else if (!quoted && is_one_of(c, "*?[{}"))
                refuse(l,
                       "'%c': the shell would look for files, or more than one word; write the one that is meant, or put it into quotes",
                       c);
        else if (!quoted && c == '~')
                refuse(l, "'~': the shell would put a home directory in its place; write its path");
}

/* At a `~`: whether it is one that a shell may replace. */
static bool is_home(const char *word, size_t size) {
        return size == 0 || is_one_of(word[size - 1], "=:,");
}

static void refuse_control(Lexer *l) {
        unsigned char c = (unsigned char) *l->p;

        if (c == '\r')
                refuse(l, "a carriage return: this text has the line ends of another system; remove them");
        else if ((c < 0x20 && !is_one_of((char) c, "\t\n")) || c == 0x7f)
                refuse(l, "control character %u; remove it", c);
}

static void read_single_quotes(Lexer *l, FILE *f) {
        unsigned line = l->line, column = l->column;

        next(l);
        while (!at_end(l) && *l->p != '\'') {
                refuse_control(l);
                putc_unlocked(next(l), f);
        }
        if (at_end(l))
                reporter_say(l->reporter, SEVERITY_ERROR, line, column, "a quote (') is opened and not closed");
        else
                next(l);
}

static void read_double_quotes(Lexer *l, FILE *f) {
        unsigned line = l->line, column = l->column;

        next(l);
        while (!at_end(l) && *l->p != '"') {
                refuse_control(l);
                if (*l->p == '\\' && peek(l, 1) == '\n') {
                        skip(l, 2);
                        continue;
                }
                if (*l->p == '\\' && is_one_of(peek(l, 1), "$`\"\\"))
                        next(l);
                else
                        refuse_expansion(l, true);
                putc_unlocked(next(l), f);
        }
        if (at_end(l))
                reporter_say(l->reporter, SEVERITY_ERROR, line, column, "a quote (\") is opened and not closed");
        else
                next(l);
}

static void read_unquoted(Lexer *l, FILE *f, const char *word, size_t size) {
        if (*l->p == '\\' && peek(l, 1) == '\n') {
                skip(l, 2);
                return;
        }
        if (*l->p == '\\' && l->end - l->p > 1)
                next(l);
        else if (*l->p != '~' || is_home(word, size))
                refuse_expansion(l, false);
        refuse_control(l);
        putc_unlocked(next(l), f);
}

static int read_word(Lexer *l, ShellWord *ret) {
        _cleanup_free_ char *text = NULL;
        ShellWord word = {.line = l->line, .column = l->column};
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        while (!at_end(l) && !is_one_of(*l->p, BLANKS OPERATORS)) {
                if (fflush(f) != 0) /* for is_home() */
                        break;
                if (*l->p == '\'')
                        read_single_quotes(l, f);
                else if (*l->p == '"')
                        read_double_quotes(l, f);
                else
                        read_unquoted(l, f, text, size);
        }
        if (fclose(f) != 0 || !text)
                return -ENOMEM;

        if (!text_is_clean(text) && !l->reporter->failed)
                reporter_say(l->reporter, SEVERITY_ERROR, word.line, word.column,
                             "a word with a line break, or not in UTF-8; write it otherwise");
        word.text = TAKE_PTR(text);
        *ret = word;
        return 0;
}

/* `2>&1`, `>&2`, `</dev/null`: who starts the guest as a service has these in hand. */
static void ignore_redirection(Lexer *l, bool input, unsigned line, unsigned column) {
        reporter_say(l->reporter, SEVERITY_WARNING, line, column, "this redirection is not taken: %s",
                     input ? "the kernel of a service has no input of its own"
                           : "the guest's consoles say where its output goes, and the kernel's own goes to the journal");
}

/* After `N<` or `N>`, whose place is line and column. */
static int read_redirection(Lexer *l, unsigned fd, bool input, unsigned line, unsigned column) {
        ShellRedirection redirection = {.fd = fd};
        bool duplicate = false;
        int r;

        if (!input && is_one_of(peek(l, 0), ">|"))
                redirection.append = next(l) == '>';
        else if (peek(l, 0) == '&') {
                duplicate = true;
                next(l);
        }
        if (!duplicate)
                skip_blanks(l);
        if (at_end(l) || is_one_of(*l->p, OPERATORS)) {
                reporter_say(l->reporter, SEVERITY_ERROR, line, column,
                             "a redirection without the name of a file; a here-document is none, either");
                return 0;
        }
        r = read_word(l, &redirection.path);
        if (r < 0)
                return r;

        if (duplicate || streq(redirection.path.text, "/dev/null"))
                ignore_redirection(l, input, line, column);
        else if (input)
                reporter_say(l->reporter, SEVERITY_ERROR, line, column,
                             "'<': a guest's console cannot be fed from a file; remove the redirection (only </dev/null means nothing)");
        else if (grow(&l->command->redirections, l->command->n_redirections, sizeof(ShellRedirection)) < 0) {
                free(redirection.path.text);
                return -ENOMEM;
        } else {
                l->command->redirections[l->command->n_redirections++] = redirection;
                return 0;
        }
        free(redirection.path.text);
        return 0;
}

static void refuse_operator(Lexer *l) {
        static const struct {
                const char *text, *reason;
        } operators[] = {
                {"&&", "this joins two commands"},
                {"&>", "this redirection is not known to every shell; write >PATH 2>&1"},
                {"|",  "the guest's output cannot go into a pipe; remove it from here on"},
                {"(",  "this begins a subshell"},
                {")",  "this ends a subshell"},
        };

        for (size_t i = 0; i < ELEMENTSOF(operators); i++)
                if (peek(l, 0) == operators[i].text[0] && (!operators[i].text[1] || peek(l, 1) == operators[i].text[1])) {
                        refuse(l, "'%s': %s; leave only the command that starts the kernel",
                               operators[i].text, operators[i].reason);
                        skip(l, strlen(operators[i].text));
                        return;
                }
        next(l);
        l->ended = l->ended || l->command->n_words > 0;
}

static bool begins_second_command(Lexer *l) {
        if (!l->ended)
                return false;
        if (!l->told)
                refuse(l, "here begins another command; leave only the one that starts the kernel");
        l->told = true;
        return true;
}

static int read_item(Lexer *l) {
        unsigned line = l->line, column = l->column, fd = 0;
        size_t digits = 0;
        ShellWord word;
        bool input;
        int r;

        while (peek(l, digits) >= '0' && peek(l, digits) <= '9' && digits < 4)
                fd = fd * 10 + (unsigned) (peek(l, digits++) - '0');
        if (is_one_of(peek(l, digits), "<>")) {
                (void) begins_second_command(l);
                input = peek(l, digits) == '<';
                skip(l, digits + 1);
                return read_redirection(l, digits > 0 ? fd : input ? 0 : 1, input, line, column);
        }
        if (is_one_of(*l->p, OPERATORS)) {
                refuse_operator(l);
                return 0;
        }
        (void) begins_second_command(l);
        r = read_word(l, &word);
        if (r < 0)
                return r;
        if (grow(&l->command->words, l->command->n_words, sizeof(ShellWord)) < 0) {
                free(word.text);
                return -ENOMEM;
        }
        l->command->words[l->command->n_words++] = word;
        return 0;
}

int shell_read(const char *text, size_t size, Reporter *reporter, ShellCommand *ret) {
        Lexer l = {.p = text, .end = text + size, .line = 1, .column = 1, .reporter = reporter, .command = ret};
        int r = 0;

        *ret = (ShellCommand) {};
        while (r >= 0 && !l.told) {
                skip_blanks(&l);
                if (at_end(&l))
                        break;
                r = read_item(&l);
        }
        return r < 0 ? r : reporter_result(reporter);
}

void shell_command_done(ShellCommand *c) {
        for (size_t i = 0; i < c->n_words; i++)
                free(c->words[i].text);
        for (size_t i = 0; i < c->n_redirections; i++)
                free(c->redirections[i].path.text);
        free(c->words);
        free(c->redirections);
        *c = (ShellCommand) {};
}

void shell_put_word(FILE *f, const char *word) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

        if (*word && !word[strspn(word, plain)]) {
                fputs_unlocked(word, f);
                return;
        }
        putc_unlocked('\'', f);
        for (; *word; word++)
                if (*word == '\'')
                        fputs_unlocked("'\\''", f);
                else
                        putc_unlocked(*word, f);
        putc_unlocked('\'', f);
}
