/* SPDX-License-Identifier: MIT
 *
 * The few atomic operations that this library needs.  MSVC offers C11's atomics only behind
 * an experimental switch, so there they are made of volatile accesses and intrinsics.
 *
 * Relaxed accesses promise only that a value is read or written as a whole, which Windows
 * promises for aligned values of up to the size of a pointer; `volatile` keeps the compiler
 * from inventing or dropping accesses.  Whatever passes memory from one thread to another
 * is a full barrier, as all Interlocked functions without a suffix are on every processor.
 */
#ifndef MIC_ATOMICS_H
#define MIC_ATOMICS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>

typedef struct mic_atomic_byte {
    volatile uint8_t value;
} mic_atomic_byte;
typedef struct mic_atomic_pointer {
    void *volatile value;
} mic_atomic_pointer;
typedef struct mic_atomic_counter {
#if defined(_WIN64)
    volatile __int64 value;
#else
    volatile long value;
#endif
} mic_atomic_counter;

static inline uint8_t byte_load(const mic_atomic_byte *byte) { return byte->value; }
static inline void byte_store(mic_atomic_byte *byte, uint8_t value) { byte->value = value; }

static inline void *pointer_load(const mic_atomic_pointer *pointer) { return pointer->value; }
static inline void pointer_store(mic_atomic_pointer *pointer, void *value) { pointer->value = value; }
static inline void *pointer_exchange(mic_atomic_pointer *pointer, void *value)
{
    return _InterlockedExchangePointer(&pointer->value, value);
}
static inline void *pointer_set_if_null(mic_atomic_pointer *pointer, void *value)
{
    return _InterlockedCompareExchangePointer(&pointer->value, value, NULL);
}

static inline void counter_reset(mic_atomic_counter *counter) { counter->value = 0; }
static inline size_t counter_next(mic_atomic_counter *counter)
{
#if defined(_WIN64)
    return (size_t)_InterlockedExchangeAdd64(&counter->value, 1);
#else
    return (size_t)_InterlockedExchangeAdd(&counter->value, 1);
#endif
}

#else
#include <stdatomic.h>

typedef _Atomic(uint8_t) mic_atomic_byte;
typedef _Atomic(void *) mic_atomic_pointer;
typedef atomic_size_t mic_atomic_counter;

/* Relaxed. */
static inline uint8_t byte_load(const mic_atomic_byte *byte)
{
    return atomic_load_explicit(byte, memory_order_relaxed);
}
static inline void byte_store(mic_atomic_byte *byte, uint8_t value)
{
    atomic_store_explicit(byte, value, memory_order_relaxed);
}

/* Relaxed: what the pointer leads to must be constant. */
static inline void *pointer_load(const mic_atomic_pointer *pointer)
{
    return atomic_load_explicit(pointer, memory_order_relaxed);
}
static inline void pointer_store(mic_atomic_pointer *pointer, void *value)
{
    atomic_store_explicit(pointer, value, memory_order_relaxed);
}
/* These two return the pointer before; they pass on the memory that it leads to. */
static inline void *pointer_exchange(mic_atomic_pointer *pointer, void *value)
{
    return atomic_exchange(pointer, value);
}
static inline void *pointer_set_if_null(mic_atomic_pointer *pointer, void *value)
{
    void *before = NULL;
    atomic_compare_exchange_strong(pointer, &before, value);
    return before;
}

/* Only before other threads know of the counter. */
static inline void counter_reset(mic_atomic_counter *counter) { atomic_init(counter, 0); }
/* Relaxed; returns 0, 1, 2, ... */
static inline size_t counter_next(mic_atomic_counter *counter)
{
    return atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
#endif
