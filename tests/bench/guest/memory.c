/*
 * Memory kernels: copying in large and small pieces, the C library's string functions, chains of
 * pointers within a few pages and across many.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define COPY_SIZE (1 << 20)

static unsigned char copy_a[COPY_SIZE], copy_b[COPY_SIZE];

static void copy_setup(void)
{
    uint64_t seed = 7;

    for (int i = 0; i < COPY_SIZE; i++) {
        copy_a[i] = 1 + (bench_random(&seed) >> 40) % 255;
        copy_b[i] = 1;
    }
}

static uint64_t copy_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < 2000; round++) {
        memcpy(copy_b, copy_a, COPY_SIZE);
        copy_a[round * 500] = round;
        sum += copy_b[round * 377];
    }
    return bench_mix(sum, copy_b[COPY_SIZE / 2]);
}

/* Pieces of 1 to 256 bytes, between any addresses; memcpy, memmove and memset. */
static uint64_t pieces_run(void)
{
    uint64_t seed = 8, sum = 0;

    for (int i = 0; i < 8000000; i++) {
        uint64_t random = bench_random(&seed) >> 8;
        size_t length = 1 + random % 256;
        unsigned char *to = copy_b + (random >> 8) % 30000;
        const unsigned char *from = copy_a + (random >> 24) % 30000;

        switch (i & 3) {
        case 0:
        case 1: memcpy(to, from, length); break;
        case 2: memmove(to, to + (random >> 40) % 64, length); break;
        default: memset(to, (int)random, length); break;
        }
        sum += *to;
    }
    return bench_mix(sum, copy_b[1234]);
}

/* ---- strings ---- */

#define STRINGS 4096

static char *strings[STRINGS];

static void strings_setup(void)
{
    static char text[STRINGS * 80];
    uint64_t seed = 9;
    char *next = text;

    for (int i = 0; i < STRINGS; i++) {
        int length = 4 + (bench_random(&seed) >> 32) % 70;

        strings[i] = next;
        memset(next, 'x', length);
        next[(bench_random(&seed) >> 32) % length] = 'y';
        next[length] = 0;
        next += length + 1;
    }
}

static uint64_t strings_run(void)
{
    uint64_t sum = 0;
    char buffer[160];

    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < STRINGS; i++) {
            const char *a = strings[i], *b = strings[(i * 7 + round) % STRINGS];
            char *end;

            sum += strlen(a);
            sum += strchr(b, 'y') - b;
            sum += strcmp(a, b) < 0;
            end = stpcpy(buffer, a);
            strcpy(end, b);
            sum += (char *)memchr(buffer, 'y', sizeof(buffer)) - buffer;
        }
    }
    return sum;
}

/* ---- chains ---- */

#define CHAIN_SMALL (32 << 10) /* 256 KiB */
#define CHAIN_LARGE (2 << 20)  /* 16 MiB */

typedef struct Link {
    struct Link *next;
} Link;

static Link chain[CHAIN_LARGE];

/* One cycle through COUNT links in random order (Sattolo). */
static void chain_make(uint32_t count)
{
    uint64_t seed = 10;
    uint32_t *order = malloc(count * sizeof(*order));

    if (!order) {
        bench_die("malloc");
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = (bench_random(&seed) >> 24) % i, value = order[i];

        order[i] = order[j];
        order[j] = value;
    }
    for (uint32_t i = 0; i < count; i++) {
        chain[order[i]].next = &chain[order[(i + 1) % count]];
    }
    free(order);
}

static void chain_small_setup(void)
{
    chain_make(CHAIN_SMALL);
}

static void chain_large_setup(void)
{
    chain_make(CHAIN_LARGE);
}

static uint64_t chase(uint32_t steps)
{
    const Link *link = chain;

    for (uint32_t i = 0; i < steps; i++) {
        link = link->next;
    }
    return link - chain;
}

static uint64_t chain_small_run(void)
{
    return chase(100000000);
}

static uint64_t chain_large_run(void)
{
    return chase(4000000);
}

/* ---- tree: a search tree is built, searched and taken down ---- */

typedef struct Node {
    struct Node *child[2];
    uint32_t key;
} Node;

#define TREE_NODES 20000

static Node tree_nodes[TREE_NODES];

static void tree_setup(void)
{
    memset(tree_nodes, 1, sizeof(tree_nodes));
}

static uint64_t tree_run(void)
{
    uint64_t sum = 0, seed = 11;

    for (int round = 0; round < 80; round++) {
        Node *root = NULL;

        for (int i = 0; i < TREE_NODES; i++) {
            Node *node = &tree_nodes[i], **place = &root;

            node->key = bench_random(&seed) >> 32;
            node->child[0] = node->child[1] = NULL;
            while (*place) {
                place = &(*place)->child[node->key > (*place)->key];
            }
            *place = node;
        }
        for (int i = 0; i < 2 * TREE_NODES; i++) {
            uint32_t key = bench_random(&seed) >> 32, depth = 0;

            for (Node *node = root; node && node->key != key; node = node->child[key > node->key]) {
                depth++;
            }
            sum += depth;
        }
    }
    return sum;
}

const Kernel memory_kernels[] = {
    {"copy", copy_setup, copy_run},
    {"pieces", copy_setup, pieces_run},
    {"strings", strings_setup, strings_run},
    {"chase-256K", chain_small_setup, chain_small_run},
    {"chase-16M", chain_large_setup, chain_large_run},
    {"tree", tree_setup, tree_run},
    {NULL, NULL, NULL},
};
