# SPDX-License-Identifier: MIT
"""Why a peer's file of an image is smaller than mic's: the facts that report.py cannot compute."""

NOTE = """- *tree*: from effort 4 on, libjxl grows a tree of contexts for the image, by position and neighbours, with a predictor for each leaf.
  Ours has one predictor for the image and up to 32 contexts by activity.
  With its effort 3, which has a fixed tree, libjxl's files are larger than ours here.
- *weighted*: libjxl's self-correcting predictor weighs four others by their errors nearby.
  Our weights are fixed for the image.
  Its effort 3 has this predictor too, and its files are about as small.
- *64 x 64*: our header, checksums and model take 2 to 3.5 % of the file.
"""  # noqa: E501

# The peer's advantage, and a fact about the image: the share of samples equal to all of their
# neighbours W, N and NW ("flat"), or the bits per sample in mic's file ("bpp").
REASONS = {
    "CT1.dcm": "tree; 21 % flat",
    "MR1.dcm": "tree and weighted, which makes a tie; noise, 6.9 bpp",
    "MR4.dcm": "weighted; then tree; 324 values of 2151 in use",
    "MR_small.dcm": "weighted; 64 x 64",
    "emri_small.dcm": "weighted; 64 x 64",
    "NM1.dcm": "tree; 37 % flat, 2.4 bpp",
    "JPEG2000_UNC.dcm": "tree; 50 % flat, 0.6 bpp",
    "SC1.dcm": "tree; 47 % flat, 3.3 bpp",
    "693_J2KR.dcm": "tree; 22 % flat, 2.6 bpp",
    "RG3_J2KR.dcm": "tree; 41 % flat, 2.1 bpp",
    "bad_sequence.dcm": "tree; effort 9 makes up for it",
    "eCT_Supplemental.dcm": "tree; 70 % flat, 0.9 bpp, 146 values of 1173 in use",
    "gdcm-US-ALOKA-16.dcm": "tree; 38 % flat, 1.6 bpp, 67 values of 64513 in use",
    "mlut_18.dcm": "tree; 78 % flat, 0.2 bpp, 43 % of the rows equal to the one above",
}
