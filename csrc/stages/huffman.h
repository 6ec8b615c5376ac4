/* SPDX-License-Identifier: MIT
 *
 * Numbers that the Huffman encoder and decoder share. docs/format.md, "Huffman".
 */
#ifndef MIC_HUFFMAN_H
#define MIC_HUFFMAN_H

enum {
    HUFFMAN_HEAD_BITS = 32 + 16 + 8 + 16, /* words, maximum, longest code, list size */
    HUFFMAN_CUT = 14,                     /* depth of the tree before the escape joins */
    /* Bits of the longest code plus bits of a word: the published coder cannot write more.
     * Hence codes have at most 31 bits.  (The escape can push a tree of 14 levels to 15; a
     * search over 20 million lists of counts found no tree that it made deeper by 2, but
     * that is no proof.) */
    HUFFMAN_MAX_BITS = 32,
};

#endif
