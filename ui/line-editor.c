/*
 * Line editing: see line-editor.h. The keys are those of readline's emacs mode.
 *
 * Input is hostile: lines have a limit, escape sequences too, and control characters do nothing but
 * what is listed here. Bytes from 0x80 up are text; the cursor moves over UTF-8 sequences as one.
 */
#include "ui/line-editor.h"
#include <stdio.h>
#include <string.h>

#define HISTORY_MAX 64
#define ESCAPE_MAX 16 /* bytes of an escape sequence */
#define KEY_CTRL(c) ((c)&0x1f)

struct LineEditor {
    const char *prompt;
    const LineEditorOps *ops;
    void *opaque;
    char line[LINE_EDITOR_MAX + 1];
    size_t len, cursor; /* bytes */
    GPtrArray *history; /* oldest first */
    unsigned browsed;   /* entry shown; history->len: the line itself */
    char *unfinished;   /* that line, while older ones are shown */
    char escape[ESCAPE_MAX];
    unsigned escape_len; /* 0: not in an escape sequence */
    bool after_cr;       /* a newline now belongs to the return before it */
};

static void put(LineEditor *e, const char *text, size_t len)
{
    if (len) {
        e->ops->write(e->opaque, text, len);
    }
}

static void put_string(LineEditor *e, const char *text)
{
    put(e, text, strlen(text));
}

static bool is_continuation(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Columns that @len bytes of text take. */
static unsigned columns(const char *text, size_t len)
{
    unsigned n = 0;
    for (size_t i = 0; i < len; i++) {
        n += !is_continuation(text[i]);
    }
    return n;
}

/* Shows prompt and line anew in the terminal's current line. */
static void refresh(LineEditor *e)
{
    put_string(e, "\r");
    put_string(e, e->prompt);
    put(e, e->line, e->len);
    put_string(e, "\x1b[K");
    unsigned back = columns(e->line + e->cursor, e->len - e->cursor);
    if (back) {
        char move[16];
        snprintf(move, sizeof(move), "\x1b[%uD", back);
        put_string(e, move);
    }
}

static void bell(LineEditor *e)
{
    put_string(e, "\a");
}

/*
 * Editing.
 */

static size_t previous_char(const LineEditor *e, size_t at)
{
    while (at > 0 && is_continuation(e->line[--at])) {
    }
    return at;
}

static size_t next_char(const LineEditor *e, size_t at)
{
    if (at < e->len) {
        at++;
    }
    while (at < e->len && is_continuation(e->line[at])) {
        at++;
    }
    return at;
}

static size_t previous_word(const LineEditor *e, size_t at)
{
    while (at > 0 && e->line[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->line[at - 1] != ' ') {
        at--;
    }
    return at;
}

static size_t next_word(const LineEditor *e, size_t at)
{
    while (at < e->len && e->line[at] == ' ') {
        at++;
    }
    while (at < e->len && e->line[at] != ' ') {
        at++;
    }
    return at;
}

static bool insert_text(LineEditor *e, const char *text, size_t len)
{
    if (len > LINE_EDITOR_MAX - e->len) {
        bell(e);
        return false;
    }
    bool at_end = e->cursor == e->len;
    memmove(e->line + e->cursor + len, e->line + e->cursor, e->len - e->cursor);
    memcpy(e->line + e->cursor, text, len);
    e->len += len;
    e->cursor += len;
    if (at_end) {
        put(e, text, len);
    } else {
        refresh(e);
    }
    return true;
}

/* Removes bytes @from..@to and leaves the cursor at @from. */
static void delete_range(LineEditor *e, size_t from, size_t to)
{
    if (from >= to) {
        return;
    }
    bool last_char = to == e->len && e->cursor == e->len && columns(e->line + from, to - from) == 1;
    memmove(e->line + from, e->line + to, e->len - to);
    e->len -= to - from;
    e->cursor = from;
    if (last_char) {
        put_string(e, "\b \b");
    } else {
        refresh(e);
    }
}

static void move_to(LineEditor *e, size_t at)
{
    if (at != e->cursor) {
        e->cursor = at;
        refresh(e);
    }
}

static void set_line(LineEditor *e, const char *text)
{
    e->len = MIN(strlen(text), LINE_EDITOR_MAX);
    memcpy(e->line, text, e->len);
    e->cursor = e->len;
    refresh(e);
}

/*
 * History.
 */

static void leave_history(LineEditor *e)
{
    e->browsed = e->history->len;
    g_clear_pointer(&e->unfinished, g_free);
}

static void remember(LineEditor *e, const char *line)
{
    GPtrArray *history = e->history;
    if (*line && !(history->len && !strcmp(history->pdata[history->len - 1], line))) {
        if (history->len == HISTORY_MAX) {
            g_ptr_array_remove_index(history, 0);
        }
        g_ptr_array_add(history, g_strdup(line));
    }
    leave_history(e);
}

static void browse(LineEditor *e, int step)
{
    unsigned to = e->browsed + step; /* wraps around below 0 */
    if (to > e->history->len) {
        bell(e);
        return;
    }
    if (e->browsed == e->history->len) {
        g_free(e->unfinished);
        e->unfinished = g_strndup(e->line, e->len);
    }
    e->browsed = to;
    set_line(e, to < e->history->len ? e->history->pdata[to] : e->unfinished);
}

/*
 * Completion.
 */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t common_prefix(const GPtrArray *words)
{
    const char *first = words->pdata[0], *last = words->pdata[words->len - 1]; /* sorted */
    size_t n = 0;
    while (first[n] && first[n] == last[n]) {
        n++;
    }
    return n;
}

static void list_words(LineEditor *e, const GPtrArray *words)
{
    GString *text = g_string_new("\r\n");
    unsigned width = 0, column = 0;
    for (unsigned i = 0; i < words->len; i++) {
        width = MAX(width, strlen(words->pdata[i]) + 2);
    }
    for (unsigned i = 0; i < words->len; i++) {
        if (column && column + width > 79) {
            g_string_append(text, "\r\n");
            column = 0;
        }
        g_string_append_printf(text, "%-*s", (int)width, (char *)words->pdata[i]);
        column += width;
    }
    g_string_append(text, "\r\n");
    put(e, text->str, text->len);
    g_string_free(text, true);
    refresh(e);
}

static void complete(LineEditor *e)
{
    if (!e->ops->complete) {
        return;
    }
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    char *line = g_strndup(e->line, e->cursor);
    const char *space = strrchr(line, ' ');
    const char *word = space ? space + 1 : line;
    e->ops->complete(e->opaque, line, words);
    if (!words->len) {
        bell(e);
    } else {
        g_ptr_array_sort(words, compare_strings);
        size_t prefix = common_prefix(words), typed = strlen(word);
        if (prefix > typed) {
            insert_text(e, (char *)words->pdata[0] + typed, prefix - typed);
        }
        if (words->len == 1) {
            if (!g_str_has_suffix(words->pdata[0], "/")) { /* a directory goes on */
                insert_text(e, " ", 1);
            }
        } else if (prefix <= typed) {
            list_words(e, words);
        }
    }
    g_free(line);
    g_ptr_array_free(words, true);
}

/*
 * Input.
 */

static void enter_line(LineEditor *e)
{
    e->line[e->len] = 0;
    char *line = g_strdup(e->line);
    put_string(e, "\r\n");
    remember(e, line);
    e->len = e->cursor = 0;
    e->ops->enter(e->opaque, line);
    g_free(line);
}

static void cancel_line(LineEditor *e)
{
    put_string(e, "^C\r\n");
    line_editor_reset(e);
    refresh(e);
}

static void control_key(LineEditor *e, uint8_t key)
{
    switch (key) {
    case KEY_CTRL('A'): move_to(e, 0); break;
    case KEY_CTRL('B'): move_to(e, previous_char(e, e->cursor)); break;
    case KEY_CTRL('C'): cancel_line(e); break;
    case KEY_CTRL('D'): delete_range(e, e->cursor, next_char(e, e->cursor)); break;
    case KEY_CTRL('E'): move_to(e, e->len); break;
    case KEY_CTRL('F'): move_to(e, next_char(e, e->cursor)); break;
    case KEY_CTRL('H'):
    case 0x7f: delete_range(e, previous_char(e, e->cursor), e->cursor); break;
    case '\t': complete(e); break;
    case KEY_CTRL('K'): delete_range(e, e->cursor, e->len); break;
    case KEY_CTRL('L'):
        put_string(e, "\x1b[H\x1b[2J");
        refresh(e);
        break;
    case KEY_CTRL('N'): browse(e, 1); break;
    case KEY_CTRL('P'): browse(e, -1); break;
    case KEY_CTRL('U'): delete_range(e, 0, e->cursor); break;
    case KEY_CTRL('W'): delete_range(e, previous_word(e, e->cursor), e->cursor); break;
    default: break;
    }
}

/* Acts on a complete escape sequence, whose last byte is @final. */
static void escape_sequence(LineEditor *e, char final)
{
    bool bracket = e->escape[0] == '[' || e->escape[0] == 'O';
    int number = bracket ? g_ascii_digit_value(e->escape[1]) : -1;
    if (!bracket) {
        switch (final) {
        case 'b': move_to(e, previous_word(e, e->cursor)); break;
        case 'f': move_to(e, next_word(e, e->cursor)); break;
        case 'd': delete_range(e, e->cursor, next_word(e, e->cursor)); break;
        default: break;
        }
        return;
    }
    bool modified = memchr(e->escape, ';', e->escape_len - 1) != NULL; /* Ctrl or the like */
    switch (final) {
    case 'A': browse(e, -1); break;
    case 'B': browse(e, 1); break;
    case 'C': move_to(e, modified ? next_word(e, e->cursor) : next_char(e, e->cursor)); break;
    case 'D':
        move_to(e, modified ? previous_word(e, e->cursor) : previous_char(e, e->cursor));
        break;
    case 'H': move_to(e, 0); break;
    case 'F': move_to(e, e->len); break;
    case '~':
        if (number == 1 || number == 7) {
            move_to(e, 0);
        } else if (number == 4 || number == 8) {
            move_to(e, e->len);
        } else if (number == 3) {
            delete_range(e, e->cursor, next_char(e, e->cursor));
        }
        break;
    default: break;
    }
}

/* Collects an escape sequence: ESC [ or ESC O, parameters, a final byte from '@' up; or ESC and a
 * byte. */
static void escape_byte(LineEditor *e, uint8_t byte)
{
    unsigned n = e->escape_len - 1; /* bytes behind the ESC so far */
    if (byte < 0x20 || byte > 0x7e) {
        e->escape_len = 0; /* broken off */
        return;
    }
    if (n < ESCAPE_MAX) {
        e->escape[n] = byte;
        e->escape_len++;
    } /* an overlong one is read to its end, for nothing */
    bool complete_now = n == 0 ? byte != '[' && byte != 'O' : byte >= '@';
    if (complete_now) {
        if (n < ESCAPE_MAX) {
            escape_sequence(e, byte);
        }
        e->escape_len = 0;
        memset(e->escape, 0, sizeof(e->escape));
    }
}

static void feed_byte(LineEditor *e, uint8_t byte)
{
    bool after_cr = e->after_cr;
    e->after_cr = byte == '\r';
    if (byte == '\r' || byte == '\n') {
        e->escape_len = 0;
        if (byte == '\r' || !after_cr) {
            enter_line(e);
        }
    } else if (byte == 0x1b) {
        memset(e->escape, 0, sizeof(e->escape));
        e->escape_len = 1;
    } else if (e->escape_len) {
        escape_byte(e, byte);
    } else if (byte < 0x20 || byte == 0x7f) {
        control_key(e, byte);
    } else {
        char text = byte;
        insert_text(e, &text, 1);
    }
}

void line_editor_feed(LineEditor *e, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        feed_byte(e, buf[i]);
    }
}

/*
 * Life.
 */

LineEditor *line_editor_new(const char *prompt, const LineEditorOps *ops, void *opaque)
{
    LineEditor *e = g_new0(LineEditor, 1);
    e->prompt = prompt;
    e->ops = ops;
    e->opaque = opaque;
    e->history = g_ptr_array_new_with_free_func(g_free);
    return e;
}

void line_editor_free(LineEditor *e)
{
    g_free(e->unfinished);
    g_ptr_array_free(e->history, true);
    g_free(e);
}

void line_editor_show(LineEditor *e)
{
    put_string(e, e->prompt);
    put(e, e->line, e->len);
    if (e->cursor < e->len) {
        refresh(e);
    }
}

void line_editor_reset(LineEditor *e)
{
    e->len = e->cursor = 0;
    e->escape_len = 0;
    leave_history(e);
}

const char *line_editor_history(const LineEditor *e, unsigned n)
{
    return n < e->history->len ? e->history->pdata[n] : NULL;
}
