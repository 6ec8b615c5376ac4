# SPDX-License-Identifier: MIT
"""Tiny lossless frames of known content, to test what a decoder returns exactly.

Decoders of the same name differ by version, by device and by the libraries they find,
and a wrong guess would give wrong pixels.  So nothing is assumed: each kind of frame is
tried once, on 16 x 16 samples, before the decoder is offered for it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def probe_frames() -> Iterator[tuple[str, int, bool, bytes, NDArray[Any]]]:
    """Yield coding, precision, sign, the encoded frame, and its samples."""
    for coding, precision, signed, text in _FRAMES:
        yield coding, precision, signed, base64.b85decode(text), _pattern(precision, signed)


def _pattern(precision: int, signed: bool) -> NDArray[Any]:
    y, x = np.mgrid[:16, :16]
    factor = 37 if precision == 16 else 1  # reaches the top bit
    values: NDArray[Any] = (7 * x * x + 5 * y * y + 3 * x * y) * factor % (1 << precision)
    if signed:
        return (values - (1 << (precision - 1))).astype(np.int16)
    return values.astype(np.uint8 if precision <= 8 else np.uint16)


_FRAMES: tuple[tuple[str, int, bool, str], ...] = (
    (
        "jpeg-lossless",
        8,
        False,
        "|JeV;02u%Q0RaI40RR9100000000081_cKL1pmVT3kU!Z01yEH5di<%00;p900sa6Kl|#@*x&Th*J(Q;"
        "c#?;gbI7k>Z-1xi`vHjk4J|!Ts$*ww@B04FyYJD`)CwiS>8-HhdV^;}M^8{Hm)Y9f-QS?15h-"
        "Z(b+$Hk_cyobXoPB7dVx)D*52rKK|&%@2~_nWm1S*xzWo4&M@l7B3Ke3tb$G*=tvU#gk}2v1D!SV13lW"
        "mi+T3tTRMl1s74`!an9*%;IOj{t?yFs1Fj-m+7UOl$>z*&V0RjuJjJcZH+;F-"
        "buSd)dghGU4bb~_T=InO9A23KPLL@UIr4pk%o#^+Uut-coD;$u@>4eDW`4i*|42cTJBr?ft;&g<IQ>yi"
        "JIT{_6(#eeCdqkxs*6QVnnZ6**>7?lPkx8mmmu!}%=V!10|Je",
    ),
    (
        "jpeg-lossless",
        12,
        False,
        "|JeV;02%-"
        "R0RaI40RaF200000000062L%KO0}TJe01FHN5C9MX01*KH+5iXv000I60Q~;|{{VedY+uuBcALMUeJAQ"
        "4SNiwae_yxXr>nEKze7t;S6gFeZ@;gzyT3<EQ&(SOYj1aX2F`|#o~E|G&erDc`UFVQqt({f+1uRS-"
        "$IEZRO%Hi+S}dUK!qAa$<(S?wR?T^2$7{sp-"
        "Q!jm$78hf{`k93YD!~!HYJHo4KW_RIzII44JiT;mfy=s;if=WYMd44xPPyK%mg;?AkVN<<rNn=oBg)7L"
        "7=>xN_~|=kyvC5{pNqQmJ&?o7dC|4GxJ$qta<q%56TOQohirbXqkclS`&ksr4F_Qma?=Jsy!trPFEE3X"
        "M*wR;$))RnJJ%DYW{9N~cw;Rx35S<$Awi|Je",
    ),
    (
        "jpeg-lossless",
        16,
        False,
        "|JeV;02=@S0RaI30|5X4000000000C3knGh4+s$d!vG5q01yBW0RRyI|Jncu0RR97008~aJ%rRg;;9>1"
        "3rXHv<V^gT&y_#&=)Pqy&8Yd+f3AMa=pRn{<=U?B=x0hAh}HhR_FcAZ&hJ-"
        "6eTD7keKc35Jxyy%VLL(F#_TuGLHa9FJ9D}|)2^#^$+69;?k{*-`k{>)X+cejht(dT`uEv(*|$5rS_V-"
        "Pk94!ARY<C{SsLV60?<3K-#rKDtw`!()Apv7Y^@!3>?LHYK-"
        "%X1bZMmpHYy)fdcRiMy|yK?<)tl`a66rP9mOoQBC5?~Yms0J8`-"
        "|p*50_S({BlT%lV+KTJ_tom6ELkYnymnqU-mUzH$MOdWT;`RilxKHk7tq!0vT-E7aeG0|-"
        "z=Ixo@elH{_cb+>m-"
        "ye021=7O{_B54{a2}%N96JO|_We+J?<){Wh>K##7jzo>6O)*KrPs)sa6wayzYpg%WPon)E$u3JOXH%%4"
        "#UZKfR$hwfSqj!yAiR$xBA0~Mr=3H}R#a-SRrs?-"
        "wXThOOcG*CAbgw}j8xF71#7H5Xv=<Gs{4HyM#aWSvn`-"
        "aI`W>X>RAfbS0KEF{{XPx(T%>0rDp3zTA0{I-M7sD*#",
    ),
    (
        "jpeg2000",
        12,
        False,
        "|4;u>04V?f0000G0000G00000000000000G0000G0000000000009dD0sm3}3;+NC0RRC61ONg5TmT0^"
        "U}$J?|6~9q00BdCWnpw>WFTUBAWv{*Zc0!^M<8}(a&u{KZXhx)H7+#&kN^q*00000ng9X+li%T35-"
        "VpBdec%7QgiC}6sCRIvznh=?Py;zJ=m&o!cl(wsR3fSM9!oJ>kr1TL!KeH`i=X;=j4b>7l+Es6n&vBGY"
        "+Zu;brdz|0wa;F7uAlbBF2Z^KHQV1fYHbumE%*Hlc&Oz>{x_5jre3$`8@=Ab&lkG(#gpS|NE9q-"
        "J&Ci=bdz!^nSO@Bi5",
    ),
    (
        "jpeg2000",
        16,
        True,
        "|4;u>04V?f0000G0000G00000000000000G0000G000000000000EBy0sm3}3;+NC0RRC61ONg5TmT0^"
        "fQX2Y|6~9q00BdCWnpw>WFTUBAWv{*Zc0!^M<8}(a&u{KZXhx)H7+#&kN^q*00001Pyhk{li&E12ofZu"
        "`7fF|lcF5v#2}r^?ZnKNS1-+mf9h5nFQaYl=<2bz#<j}GF>fVPLDXpqkzHD-Hjl|Wt&H}u7J`KU1m|=B"
        "7<mW0MMz{_?^~9_-"
        "Xmt9er9<tnHVp4kKGexHr?&PEijA)$EW3!`&Czl)z^5_n}+s)Ro?VrTQm<(n{UtjNg{vZN-_ULh5$34K"
        "8sSTGsYi^Z{79HgUNzEv0e%tXC76F>_5=q)0h~7?RRkiu;KdK0r=6o`}#7X)Ym}u@=KThO0}>7mv3c=d"
        "#T@a<nU7qHI~h<G1T-Z?Cd$BwvzlmfnI>fsOgrKfgcdS2XI{h)VWMl29ar-"
        "d8V2@Td$28z3Zw5(d^7^EbM@0*2#EwwGVRV+2)kdqZhcGHqe(dHawje-"
        ")F*v;9(Evb^m|$HcK~!7#TnR*#",
    ),
    (
        "htj2k",
        16,
        False,
        "|4;u>04YEK0000G0000G00000000000000G0000G0000000000009pH0sl|{2mk^A000XAQUDA90ssL3"
        "1q1{@0smY86Cj9?kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00001-"
        "v9yslfVEaYXpaM006)M6F>kHKmZc}NW=vPbO5l31qXBh)c6AjbO68r6_5Z0WB>tJ_nsmUB08?{0Ya1j*"
        "A;q^+lF)N0YQ`ijsnmP5IymJ0b`T^zyKFV003PK00C|Q7r4L+yud}`qCp0cIbGlaFQsy3Nf%cAsOHW9&"
        "kLY{LAU_N9rw7$9odoFrY#;9{?!q{jN8^@|8WTr20&w!U?I2w{{jCY0I>cE0N`H%VEZ5Te*nO4PW*vF4"
        "MUayzyL3EfB;_I006pB1qv*%K!E}U3KS?%pg@68Ah7Cae1QTBEKs08fdT~z6ev(2g5QxH+yS6Kfdv*QP"
        "@q780)YaN0ulVa0`US7&LFIz0tFUWpg<@P3WNdyzoS5~K&(KZKqwF>3WMVSVZyR52duhb*Xu5E0EQ5NF"
        "|+}3apT6t#l^+N#l^+Ng}4wG7=2vaxN&iDadB~RadB}WMjxYx(H9ptZd_bkTwGib7siE*KBF%#92bfU#"
        "0B&e7f4rJ0Bdm}95VWpJTv-G%EbjxbX-"
        "7W0tE&Y9U)8BT|C$8E?|I$2tYBl0sjAgfBye}|9}5||8xIu|9}5q|3CkK+~<J;;iwNtiw|8x-2ngD",
    ),
    (
        "htj2k",
        16,
        True,
        "|4;u>04YEK0000G0000G00000000000000G0000G000000000000EBy0sl|{2mk^A000XAQUDA90ssL3"
        "1q1{@0smY86Cj9?kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00001-"
        "v9yslfVEaYXpaM006)M6F>kHKmZc}NW=vPbO5l31qXBh)c6AjbO68r6_5Z0WB>tJ_nsmUB08?{0Ya1j*"
        "A;q^+lF)N0YQ`ijsnmP5IymJ0b`T^zyKFV003PK00C|Q7r4L+yud}`qCp0cIbGlaFQsy3Nf%cAsOHW9&"
        "kLY{LAU_N9rw7$9odoFrY#;9{?!q{jN8^@|8WTr20&w!U?I2w{{jCY0I>cE0N`H%VEZ5Te*nO4PW*vF4"
        "MUayzyL3EfB;_I006pB1qv*%K!E}U3KS?%pg@68Ah7Cae1QTBEKs08fdT~z6ev(2g5QxH+yS6Kfdv*QP"
        "@q780)YaN0ulVa0`US7&LFIz0tFUWpg<@P3WNdyzoS5~K&(KZKqwF>3WMVSVZyR52duhb*Xu5E0EQ5NF"
        "|+}3apT6t#l^+N#l^+Ng}4wG7=2vaxN&iDadB~RadB}WMjxYx(H9ptZd_bkTwGib7siE*KBF%#92bfU#"
        "0B&e7f4rJ0Bdm}95VWpJTv-G%EbjxbX-"
        "7W0tE&Y9U)8BT|C$8E?|I$2tYBl0sjAgfBye}|9}5||8xIu|9}5q|3CkK+~<J;;iwNtiw|8x-2ngD",
    ),
)
