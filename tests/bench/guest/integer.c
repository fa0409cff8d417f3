/*
 * Integer kernels: sorting, hashing, a sieve, string scanning, a bytecode interpreter, recursion.
 * And those that live from multiplication, division and shifts, as a group of their own.
 */
#include "bench.h"

#include <string.h>

/* ---- sort: quicksort on numbers, then a merge sort that calls a comparison function ---- */

#define SORT_COUNT 150000

typedef int (*Compare)(const void *a, const void *b);

static uint32_t sort_source[SORT_COUNT];
static uint32_t sort_numbers[SORT_COUNT];
static uint32_t sort_buffer[SORT_COUNT];

static void sort_setup(void)
{
    uint64_t seed = 1;

    for (int i = 0; i < SORT_COUNT; i++) {
        sort_source[i] = bench_random(&seed) >> 32;
    }
    memcpy(sort_numbers, sort_source, sizeof(sort_numbers));
    memcpy(sort_buffer, sort_source, sizeof(sort_buffer));
}

static void insertion_sort(uint32_t *a, long count)
{
    for (long i = 1; i < count; i++) {
        uint32_t value = a[i];
        long j = i;

        for (; j > 0 && a[j - 1] > value; j--) {
            a[j] = a[j - 1];
        }
        a[j] = value;
    }
}

static BENCH_NOINLINE void quick_sort(uint32_t *a, long count)
{
    while (count > 12) {
        uint32_t pivot = a[count / 2];
        long i = 0, j = count - 1;

        while (i <= j) {
            while (a[i] < pivot) {
                i++;
            }
            while (a[j] > pivot) {
                j--;
            }
            if (i <= j) {
                uint32_t value = a[i];

                a[i++] = a[j];
                a[j--] = value;
            }
        }
        quick_sort(a, j + 1);
        a += i;
        count -= i;
    }
    insertion_sort(a, count);
}

static int compare_reversed(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

static BENCH_NOINLINE void merge_sort(uint32_t *a, long count, uint32_t *buffer, Compare compare)
{
    long half = count / 2, i = 0, j = half, out = 0;

    if (count < 2) {
        return;
    }
    merge_sort(a, half, buffer, compare);
    merge_sort(a + half, count - half, buffer, compare);
    memcpy(buffer, a, count * sizeof(*a));
    while (i < half && j < count) {
        a[out++] = compare(&buffer[i], &buffer[j]) <= 0 ? buffer[i++] : buffer[j++];
    }
    while (i < half) {
        a[out++] = buffer[i++];
    }
    while (j < count) {
        a[out++] = buffer[j++];
    }
}

static uint64_t sort_run(void)
{
    static Compare volatile compare = compare_reversed; /* the compiler shall not know it */
    uint64_t sum = 0;

    for (int round = 0; round < 10; round++) {
        memcpy(sort_numbers, sort_source, sizeof(sort_numbers));
        quick_sort(sort_numbers, SORT_COUNT);
        sum = bench_mix(sum, sort_numbers[SORT_COUNT / 3 + round]);
        memcpy(sort_numbers, sort_source, sizeof(sort_numbers));
        merge_sort(sort_numbers, SORT_COUNT, sort_buffer, compare);
        sum = bench_mix(sum, sort_numbers[SORT_COUNT / 5 + round]);
    }
    return sum;
}

/* ---- hash: strings hashed byte by byte into an open table, then looked up ---- */

#define HASH_SIZE 65536
#define HASH_WORDS 30000
#define HASH_LENGTH 24

static char hash_words[HASH_WORDS][HASH_LENGTH];
static uint32_t hash_table[HASH_SIZE]; /* number of the word + 1; 0: free */

static void hash_setup(void)
{
    uint64_t seed = 2;

    for (int i = 0; i < HASH_WORDS; i++) {
        int length = 8 + bench_random(&seed) % (HASH_LENGTH - 9);

        memset(hash_words[i], 0, HASH_LENGTH);
        for (int j = 0; j < length; j++) {
            hash_words[i][j] = 'a' + (bench_random(&seed) >> 40) % 26;
        }
    }
    memset(hash_table, 0, sizeof(hash_table));
}

static inline uint64_t hash_string(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ull;

    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
    }
    return hash;
}

static inline bool same_string(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* The slot of TEXT: the one that holds it or the free one where it belongs. */
static BENCH_NOINLINE uint32_t hash_slot(const char *text)
{
    uint64_t hash = hash_string(text);
    uint32_t slot = (hash ^ (hash >> 32)) % HASH_SIZE;

    while (hash_table[slot] && !same_string(hash_words[hash_table[slot] - 1], text)) {
        slot = (slot + 1) % HASH_SIZE;
    }
    return slot;
}

static uint64_t hash_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < 200; round++) {
        if (round % 8 == 0) {
            memset(hash_table, 0, sizeof(hash_table));
        }
        for (int i = 0; i < HASH_WORDS; i++) {
            uint32_t slot = hash_slot(hash_words[i]);

            hash_table[slot] = i + 1;
            sum += slot ^ i;
        }
    }
    return sum;
}

/* ---- sieve ---- */

#define SIEVE_SIZE (1 << 20)

static uint8_t sieve[SIEVE_SIZE];

static void sieve_setup(void)
{
    memset(sieve, 1, sizeof(sieve));
}

static uint64_t sieve_run(void)
{
    uint64_t count = 0;

    for (int round = 0; round < 160; round++) {
        memset(sieve, 1, sizeof(sieve));
        for (uint64_t i = 2; i < SIEVE_SIZE; i++) {
            if (sieve[i]) {
                count++;
                for (uint64_t j = i * i; j < SIEVE_SIZE; j += i) {
                    sieve[j] = 0;
                }
            }
        }
    }
    return count;
}

/* ---- scan: words, numbers and a substring in a text, character by character ---- */

#define SCAN_SIZE (256 << 10)

static char scan_text[SCAN_SIZE + 1];

static void scan_setup(void)
{
    static const char alphabet[] = "etaoinshrdlucmfwypvbgkjqxz";
    uint64_t seed = 3;

    for (int i = 0; i < SCAN_SIZE;) {
        uint64_t random = bench_random(&seed) >> 16;
        int length = 1 + random % 9;
        bool number = (random >> 8) % 7 == 0;

        for (int j = 0; j < length && i < SCAN_SIZE; j++) {
            random = bench_random(&seed) >> 24;
            scan_text[i++] = number ? (char)('0' + random % 10) : alphabet[random % 31 % 26];
        }
        if (i < SCAN_SIZE) {
            scan_text[i++] = random % 11 ? ' ' : '\n';
        }
    }
    scan_text[SCAN_SIZE] = 0;
}

static BENCH_NOINLINE uint64_t scan_words(const char *text)
{
    uint64_t words = 0, lines = 0, numbers = 0;
    bool inside = false;

    while (*text) {
        char c = *text;

        if (c >= '0' && c <= '9') {
            uint64_t number = 0;

            while (*text >= '0' && *text <= '9') {
                number = number * 10 + (*text++ - '0');
            }
            numbers += number;
            inside = false;
            continue;
        }
        if (c == ' ' || c == '\n' || c == '\t') {
            lines += c == '\n';
            inside = false;
        } else if (!inside) {
            inside = true;
            words++;
        }
        text++;
    }
    return words + lines * 1000003 + numbers;
}

static BENCH_NOINLINE uint64_t scan_find(const char *text, const char *wanted)
{
    uint64_t found = 0;

    for (; *text; text++) {
        const char *a = text, *b = wanted;

        while (*b && *a == *b) {
            a++;
            b++;
        }
        if (!*b) {
            found += text - scan_text;
        }
    }
    return found;
}

static uint64_t scan_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < 350; round++) {
        sum = bench_mix(sum, scan_words(scan_text + round));
        sum = bench_mix(sum, scan_find(scan_text + round, round % 2 ? "the" : "eta"));
    }
    return sum;
}

/* ---- interp: a register machine's bytecode, dispatched by indirect jumps ---- */

enum {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_XOR,
    OP_SHR,
    OP_LI,
    OP_LD,
    OP_ST,
    OP_JLT,
    OP_JNZ,
    OP_AND,
    OP_END
};

typedef struct {
    uint8_t op, d, a, b;
} Bytecode;

/*
 * for (r2 = 0; r2 < r1; r2++) {
 *     r4 = r4 * r5 + r2; r6 = r4 >> 7 & r8; r7 = m[r6] + r4; m[r6] = r7; r3 ^= r7;
 *     if (r7 & 1) { r3 += r2; }
 * }
 */
static const Bytecode interp_program[] = {
    {OP_MUL, 4, 4, 5},  {OP_ADD, 4, 4, 2}, {OP_SHR, 6, 4, 7}, {OP_AND, 6, 6, 8},
    {OP_LD, 7, 6, 0},   {OP_ADD, 7, 7, 4}, {OP_ST, 7, 6, 0},  {OP_XOR, 3, 3, 7},
    {OP_AND, 9, 7, 10}, {OP_JNZ, 9, 0, 2}, {OP_ADD, 3, 3, 2}, {OP_SUB, 3, 3, 10},
    {OP_ADD, 2, 2, 10}, {OP_JLT, 2, 1, 0}, {OP_END, 0, 0, 0},
};

static BENCH_NOINLINE uint64_t interpret(const Bytecode *program, uint64_t *r, uint64_t *memory)
{
    static const void *const labels[] = {
        [OP_ADD] = &&do_add, [OP_SUB] = &&do_sub, [OP_MUL] = &&do_mul, [OP_XOR] = &&do_xor,
        [OP_SHR] = &&do_shr, [OP_LI] = &&do_li,   [OP_LD] = &&do_ld,   [OP_ST] = &&do_st,
        [OP_JLT] = &&do_jlt, [OP_JNZ] = &&do_jnz, [OP_AND] = &&do_and, [OP_END] = &&do_end,
    };
    const Bytecode *pc = program;
    Bytecode c;

#define NEXT()              \
    do {                    \
        c = *pc++;          \
        goto *labels[c.op]; \
    } while (0)
    NEXT();
do_add:
    r[c.d] = r[c.a] + r[c.b];
    NEXT();
do_sub:
    r[c.d] = r[c.a] - r[c.b];
    NEXT();
do_mul:
    r[c.d] = r[c.a] * r[c.b];
    NEXT();
do_xor:
    r[c.d] = r[c.a] ^ r[c.b];
    NEXT();
do_and:
    r[c.d] = r[c.a] & r[c.b];
    NEXT();
do_shr:
    r[c.d] = r[c.a] >> c.b;
    NEXT();
do_li:
    r[c.d] = c.a;
    NEXT();
do_ld:
    r[c.d] = memory[r[c.a]];
    NEXT();
do_st:
    memory[r[c.a]] = r[c.d];
    NEXT();
do_jlt:
    if (r[c.d] < r[c.a]) {
        pc = program + c.b;
    }
    NEXT();
do_jnz:
    if (r[c.d]) {
        pc += c.b;
    }
    NEXT();
do_end:
    return r[3];
#undef NEXT
}

static uint64_t interp_run(void)
{
    static uint64_t memory[1024];
    uint64_t registers[16] = {[1] = 5000000, [5] = 6364136223846793005ull, [8] = 1023, [10] = 1};

    memset(memory, 0, sizeof(memory));
    return interpret(interp_program, registers, memory);
}

/* ---- recurse ---- */

static BENCH_NOINLINE uint64_t fibonacci(unsigned n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static BENCH_NOINLINE int tak(int x, int y, int z)
{
    return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

/* The number of ways to put queens on the free columns of the remaining rows. */
static BENCH_NOINLINE unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right)
{
    unsigned count = 0, free = all & ~(columns | left | right);

    if (columns == all) {
        return 1;
    }
    while (free) {
        unsigned queen = free & -free;

        free -= queen;
        count += queens(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return count;
}

static uint64_t recurse_run(void)
{
    uint64_t sum = fibonacci(36);

    for (int i = 0; i < 60; i++) {
        sum = bench_mix(sum, tak(18, 12, 6 + i % 2));
        sum = bench_mix(sum, queens((1u << (9 + i % 2)) - 1, 0, 0, 0));
    }
    return sum;
}

const Kernel integer_kernels[] = {
    {"sort", sort_setup, sort_run},
    {"hash", hash_setup, hash_run},
    {"sieve", sieve_setup, sieve_run},
    {"scan", scan_setup, scan_run},
    {"interp", NULL, interp_run},
    {"recurse", NULL, recurse_run},
    {NULL, NULL, NULL},
};

/* ---- Multiplication and division ---- */

/* a * b * 2^-64 mod m (Montgomery), for odd m; INVERSE = -1/m mod 2^64. */
static inline uint64_t montgomery(uint64_t a, uint64_t b, uint64_t m, uint64_t inverse)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t q = (uint64_t)product * inverse;
    unsigned __int128 rest = (unsigned __int128)q * m;
    uint64_t high = (uint64_t)(product >> 64) + (uint64_t)(rest >> 64) + ((uint64_t)product != 0);

    return high >= m ? high - m : high;
}

static uint64_t multiply_run(void)
{
    const uint64_t m = 0x7fffffffffffffe7ull;
    uint64_t inverse = 1, a = 3, b = 0x123456789abcdefull, sum = 0;

    for (int i = 0; i < 6; i++) {
        inverse *= 2 - m * inverse;
    }
    inverse = -inverse;
    for (int i = 0; i < 40000000; i++) {
        a = montgomery(a, b, m, inverse);
        b += a * 5;
        b = b >= m ? b - m : b;
        b = b >= m ? b - m : b;
        sum += a;
    }
    return bench_mix(sum, b);
}

static uint64_t divide_run(void)
{
    uint64_t seed = 4, sum = 0;

    for (int i = 0; i < 4000000; i++) {
        uint64_t a = bench_random(&seed), b = bench_random(&seed) >> 8;
        int32_t c = (int32_t)a, d = (int32_t)(b >> 8) | 1;

        while (b > 1000000) {
            uint64_t rest = a % b;

            a = b;
            b = rest;
        }
        sum += a + c / d + c % 1000;
        while (a) {
            sum += a % 10;
            a /= 10;
        }
        sum = bench_mix(sum, c % d);
    }
    return sum;
}

static uint8_t crc_data[65536];

static void crc_setup(void)
{
    uint64_t seed = 5;

    for (unsigned i = 0; i < sizeof(crc_data); i++) {
        crc_data[i] = bench_random(&seed) >> 56;
    }
}

static uint64_t crc_run(void)
{
    uint32_t crc = ~0u;

    for (int round = 0; round < 600; round++) {
        for (unsigned i = 0; i < sizeof(crc_data); i++) {
            crc ^= crc_data[i];
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1));
            }
        }
    }
    return crc;
}

const Kernel muldiv_kernels[] = {
    {"multiply", NULL, multiply_run},
    {"divide", NULL, divide_run},
    {"crc", crc_setup, crc_run},
    {NULL, NULL, NULL},
};
