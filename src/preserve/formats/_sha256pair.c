/* SHA-256 of records that lie one behind the other in memory, two at a time.
 *
 * Source: FIPS 180-4 (the hash; sections 4.2.2, 5.1.1, 5.3.3 and 6.2.2) and Intel's Software Developer's Manual, volume 2
 * (SHA256RNDS2, SHA256MSG1, SHA256MSG2).
 *
 * One hash waits for its own last step most of the time: each instruction needs what the one before it gave. Two hashes of
 * different records do not wait for each other, so a processor that works on both is done earlier. OpenSSL, which hashlib asks,
 * takes one at a time, and it has to be asked anew for each record.
 *
 * This is a shortcut to "nothing was changed" and to no other answer: it is not told which hash is expected, and what does not
 * come out as signed is hashed again by OpenSSL before a word is said about it (formats/digests.py, flows/measure.py). Where it
 * cannot be compiled or the processor lacks the instructions, importing it fails and OpenSSL does all.
 *
 * Memory: reads data[cuts[0]:cuts[-1]] and nothing else, writes only what it has allocated.
 */

#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__x86_64__) && defined(__GNUC__)

/* SHA's instructions have no AVX form. Where all else may use AVX (CFLAGS=-march=native), code that mixes the two was measured to
 * be 200 times slower. Clang has no such pragma, and was slow only with little optimization. */
#ifndef __clang__
#pragma GCC target("no-avx")
#endif

#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64
#define DIGEST 32
#define WITH_SHA __attribute__((target("sha,sse4.1")))
#define IN_PLACE WITH_SHA __attribute__((always_inline)) static inline

/* Section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t CONSTANTS[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* One record on its way: first its own whole blocks, then the one or two that the padding of section 5.1.1 makes of its end. */
struct lane {
    __m128i abef, cdgh; /* the eight working words, as the instructions want them; A and C in the highest places */
    const uint8_t *next;
    size_t blocks; /* left at `next` */
    uint8_t end[2 * BLOCK];
    size_t end_blocks; /* of `end`; 0 when they are at `next` already */
    size_t record;
};

/* `blocks` blocks of each of `count` lanes. `count` is known where this is put in: the 64 rounds of both lanes become one straight line. */
IN_PLACE void compress(struct lane *const *lanes, const int count, size_t blocks)
{
    const __m128i swapped = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203); /* words are stored with the high byte first */
    __m128i abef[2], cdgh[2], words[2][4];
    for (int lane = 0; lane < count; lane++) {
        abef[lane] = lanes[lane]->abef;
        cdgh[lane] = lanes[lane]->cdgh;
    }
    for (size_t block = 0; block < blocks; block++) {
        __m128i abef_before[2], cdgh_before[2];
        for (int lane = 0; lane < count; lane++) {
            abef_before[lane] = abef[lane];
            cdgh_before[lane] = cdgh[lane];
            for (int part = 0; part < 4; part++) {
                const __m128i *from = (const __m128i *)(lanes[lane]->next + BLOCK * block) + part;
                words[lane][part] = _mm_shuffle_epi8(_mm_loadu_si128(from), swapped);
            }
        }
#pragma GCC unroll 16
        for (int four = 0; four < 16; four++) { /* rounds at a time; of the message schedule the last 16 words are kept */
            const __m128i constants = _mm_load_si128((const __m128i *)CONSTANTS + four);
#pragma GCC unroll 2
            for (int lane = 0; lane < count; lane++) {
                __m128i *const now = &words[lane][four % 4];
                const __m128i second = words[lane][(four + 1) % 4], third = words[lane][(four + 2) % 4], last = words[lane][(four + 3) % 4];
                const __m128i sum = _mm_add_epi32(*now, constants);
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
                if (four < 12)
                    *now = _mm_sha256msg2_epu32(
                        _mm_add_epi32(_mm_sha256msg1_epu32(*now, second), _mm_alignr_epi8(last, third, 4)), last);
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sum, 0x0e));
            }
        }
        for (int lane = 0; lane < count; lane++) {
            abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
        }
    }
    for (int lane = 0; lane < count; lane++) {
        lanes[lane]->abef = abef[lane];
        lanes[lane]->cdgh = cdgh[lane];
        lanes[lane]->next += BLOCK * blocks;
        lanes[lane]->blocks -= blocks;
    }
}

WITH_SHA __attribute__((noinline)) static void compress_one(struct lane *lane)
{
    compress(&lane, 1, lane->blocks);
}

WITH_SHA __attribute__((noinline)) static void compress_two(struct lane *first, struct lane *second)
{
    struct lane *const both[2] = {first, second};
    compress(both, 2, first->blocks < second->blocks ? first->blocks : second->blocks);
}

WITH_SHA static void begin(struct lane *lane, size_t record, const uint8_t *data, size_t length)
{
    const size_t rest = length % BLOCK;
    lane->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c); /* section 5.3.3 */
    lane->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    lane->next = data;
    lane->blocks = length / BLOCK;
    lane->end_blocks = rest + 1 + sizeof(uint64_t) <= BLOCK ? 1 : 2;
    memset(lane->end, 0, sizeof lane->end);
    memcpy(lane->end, data + (length - rest), rest);
    lane->end[rest] = 0x80;
    const uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
    memcpy(lane->end + BLOCK * lane->end_blocks - sizeof bits, &bits, sizeof bits);
    lane->record = record;
}

/* Whether there is still something to do for the lane, which has come to the end of what is at `next`. */
static bool goes_on(struct lane *lane)
{
    if (!lane->end_blocks)
        return false;
    lane->next = lane->end;
    lane->blocks = lane->end_blocks;
    lane->end_blocks = 0;
    return true;
}

WITH_SHA static void store(const struct lane *lane, uint8_t *digest)
{
    uint32_t abef[4], cdgh[4];
    _mm_storeu_si128((__m128i *)abef, lane->abef);
    _mm_storeu_si128((__m128i *)cdgh, lane->cdgh);
    const uint32_t words[8] = {abef[3], abef[2], cdgh[3], cdgh[2], abef[1], abef[0], cdgh[1], cdgh[0]};
    for (size_t word = 0; word < 8; word++) {
        const uint32_t stored = __builtin_bswap32(words[word]);
        memcpy(digest + sizeof stored * word, &stored, sizeof stored);
    }
}

/* digests[i] becomes the hash of data[cuts[i]:cuts[i + 1]]. A lane that is done takes the next record. */
static void hash_each(const uint8_t *data, const size_t *cuts, size_t count, uint8_t (*digests)[DIGEST])
{
    struct lane lanes[2];
    bool busy[2] = {false, false};
    size_t next = 0;
    for (;;) {
        for (int place = 0; place < 2; place++) {
            struct lane *const lane = &lanes[place];
            if (busy[place] && !lane->blocks && !goes_on(lane)) {
                store(lane, digests[lane->record]);
                busy[place] = false;
            }
            if (!busy[place] && next < count) {
                begin(lane, next, data + cuts[next], cuts[next + 1] - cuts[next]);
                busy[place] = lane->blocks || goes_on(lane);
                next++;
            }
        }
        if (busy[0] && busy[1])
            compress_two(&lanes[0], &lanes[1]);
        else if (busy[0] || busy[1])
            compress_one(&lanes[busy[0] ? 0 : 1]);
        else
            return;
    }
}

static bool has_instructions(void)
{
    unsigned a, b, c, d;
    const bool sse = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
    return sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* The ascending places in the list `cuts`, `count` of them and none behind `size`; NULL with an exception when they are not that. */
static size_t *places(PyObject *cuts, Py_ssize_t count, Py_ssize_t size)
{
    size_t *const found = PyMem_Calloc((size_t)count, sizeof *found);
    if (!found) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *const item = PyList_GetItem(cuts, index); /* borrowed */
        if (item)
            found[index] = PyLong_AsSize_t(item);
        if (!PyErr_Occurred() && (found[index] > (size_t)size || (index && found[index] < found[index - 1])))
            PyErr_SetString(PyExc_ValueError, "cuts ascend and lie within the data");
        if (PyErr_Occurred()) {
            PyMem_Free(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *hex(const uint8_t *digest)
{
    char text[2 * DIGEST];
    for (int byte = 0; byte < DIGEST; byte++) {
        text[2 * byte] = "0123456789abcdef"[digest[byte] >> 4];
        text[2 * byte + 1] = "0123456789abcdef"[digest[byte] & 15];
    }
    return PyBytes_FromStringAndSize(text, sizeof text);
}

static PyObject *listed(uint8_t (*digests)[DIGEST], Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t index = 0; list && index < count; index++) {
        PyObject *const item = hex(digests[index]);
        if (!item || PyList_SetItem(list, index, item)) { /* takes the item, also when it fails */
            Py_DECREF(list);
            list = NULL;
        }
    }
    return list;
}

static PyObject *digests(PyObject *module, PyObject *arguments)
{
    Py_buffer data;
    PyObject *cuts, *answer = NULL;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*O!:digests", &data, &PyList_Type, &cuts))
        return NULL;
    const Py_ssize_t count = PyList_Size(cuts);
    if (count < 2) {
        answer = PyList_New(0);
    } else {
        size_t *const bounds = places(cuts, count, data.len);
        uint8_t(*const found)[DIGEST] = bounds ? PyMem_Calloc((size_t)count - 1, sizeof *found) : NULL;
        if (found) {
            Py_BEGIN_ALLOW_THREADS
            hash_each(data.buf, bounds, (size_t)count - 1, found);
            Py_END_ALLOW_THREADS
            answer = listed(found, count - 1);
        } else if (bounds) {
            PyErr_NoMemory();
        }
        PyMem_Free(found);
        PyMem_Free(bounds);
    }
    PyBuffer_Release(&data);
    return answer;
}

static PyMethodDef methods[] = {
    {"digests", digests, METH_VARARGS, "digests(data, cuts): the hashes of data[cuts[i]:cuts[i + 1]] as lower-case hex bytes."},
    {NULL, NULL, 0, NULL},
};

#define ABSENT (has_instructions() ? NULL : "this processor has no instructions for SHA-256")

#else

static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};

#define ABSENT "written for x86-64 and compilers that understand GCC's attributes"

#endif

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "preserve.formats._sha256pair", .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__sha256pair(void)
{
    const char *const absent = ABSENT;
    if (absent) {
        PyErr_SetString(PyExc_ImportError, absent);
        return NULL;
    }
    return PyModule_Create(&definition);
}
