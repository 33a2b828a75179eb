"""EDGAR form types: which exist, which are watched by default, and exact matching.

EDGAR's own ``type=`` is a prefix match (``4`` also gives ``424B2``), so forms
are matched here, exactly: ``8-K`` is not ``8-K/A``.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from blocks.errors import ParameterError
from blocks.models import Filing

FAMILIES = {"424B": tuple(f"424B{rule}" for rule in range(1, 9))}

_AMENDED = ("8-K", "6-K", "10-Q", "10-K", "SC 13D", "SC 13G", "SCHEDULE 13D", "SCHEDULE 13G")

DEFAULT_FORMS: tuple[str, ...] = (
    *(name for form in _AMENDED for name in (form, f"{form}/A")),
    *FAMILIES["424B"],  # prospectuses and free writing ones are replaced, never amended
    "FWP",
)

# Form types seen in feeds and indexes from 1993 to 2026; "/A" may follow any.
_KNOWN = """
1, 1-A, 1-A POS, 1-A-W, 1-E, 1-E AD, 1-K, 1-SA, 1-U, 1-Z, 1-Z-W, 2-A, 2-E, 3, 4, 5, 6-K, 6B NTC,
8-A12B, 8-A12G, 8-B12B, 8-B12G, 8-K, 8-K12B, 8-K12G3, 8-K15D5, 8-M, 9-M, 10-12B, 10-12G, 10-C,
10-D, 10-K, 10-K405, 10-KSB, 10-KT, 10-Q, 10-QSB, 10-QT, 10KSB, 10KSB40, 10QSB, 11-K, 11-KT,
12G3-2B, 13F-HR, 13F-NT, 13FCONP, 13H, 14N, 15-12B, 15-12G, 15-15D, 15F-12B, 15F-12G, 15F-15D,
17AD-27, 17HACON, 18-12B, 18-K, 19B-4, 19B-4E, 20-F, 20FR12B, 20FR12G, 24F-2NT, 25, 25-NSE,
253G1, 253G2, 253G3, 253G4, 305B2, 34-12H, 40-17F1, 40-17F2, 40-17G, 40-17GCS, 40-202A, 40-206A,
40-24B2, 40-33, 40-6B, 40-8B25, 40-8F-2, 40-APP, 40-F, 40-OIP, 40FR12B, 40FR12G, 40-RPT, 144,
424A, 424B1, 424B2, 424B3, 424B4, 424B5, 424B6, 424B7, 424B8, 424H, 424I, 425, 485A24E, 485APOS,
485B24E, 485BPOS, 485BXT, 486APOS, 486BPOS, 486BXT, 487, 497, 497AD, 497H2, 497J, 497K, 497VPI,
497VPSUB, 497VPU, ABS-15G, ABS-EE, ADB, ADV-E, ADV-H-C, ADV-H-T, ADV-NR, AFDB, ANNLRPT, APP NTC,
APP ORDR, APP WD, APP WDG, ARS, ASR, ATS-N, ATS-N-C, ATS-N-W, ATS-N/CA, ATS-N/MA, ATS-N/OFA,
ATS-N/UA, AW, AW WD, BDCO, BW-2, BW-3, C, C-AR, C-AR-W, C-TR, C-TR-W, C-U, C-U-W, C-W, CB, CERT,
CERTAMX, CERTARCA, CERTBATS, CERTCBO, CERTNAS, CERTNYS, CERTPAC, CFPORTAL, CORRESP, CT ORDER, D,
DEF 14A, DEF 14C, DEF-OC, DEF13E3, DEFA14A, DEFA14C, DEFC14A, DEFC14C, DEFM14A, DEFM14C, DEFN14A,
DEFR14A, DEFR14C, DEFS14A, DEFS14C, DEL AM, DFAN14A, DFRN14A, DOS, DOSLTR, DRS, DRSLTR, DSTRBRPT,
EBRD, EFFECT, F-1, F-10, F-10EF, F-10POS, F-1MEF, F-3, F-3ASR, F-3D, F-3DPOS, F-3MEF, F-4,
F-4 POS, F-4EF, F-4MEF, F-6, F-6 POS, F-6EF, F-7, F-7 POS, F-8, F-8 POS, F-80, F-80POS, F-9,
F-9 POS, F-9EF, F-N, F-X, FOCUSN, FWP, G-405, G-405N, G-FIN, G-FINW, IADB, ID-NEWCIK, IFC,
IRANNOTICE, MA, MA-A, MA-I, MA-W, MSD, MSDCO, MSDW, N-1, N-14, N-14 8C, N-14AE, N-14MEF, N-18F1,
N-1A, N-1A EL, N-2, N-2 POSASR, N-23C-1, N-23C-2, N-23C3A, N-23C3B, N-23C3C, N-27D-1, N-2ASR,
N-2MEF, N-3, N-3 EL, N-30B-2, N-30D, N-4, N-4 EL, N-5, N-54A, N-54C, N-6, N-6F, N-8A, N-8B-2,
N-8B-3, N-8B-4, N-8F, N-8F NTC, N-8F ORDR, N-CEN, N-CR, N-CSR, N-CSRS, N-LIQUID, N-MFP, N-MFP1,
N-MFP2, N-MFP3, N-PX, N-PX-CR, N-PX-FM, N-PX-NT, N-PX-VR, N-Q, N-RN, N-VP, N-VPFS, NO ACT,
NPORT-EX, NPORT-NP, NPORT-P, NRSRO-CE, NRSRO-UPD, NSAR-A, NSAR-AT, NSAR-B, NSAR-BT, NSAR-U,
NT 10-D, NT 10-K, NT 10-Q, NT 11-K, NT 15D2, NT 20-F, NT N-CEN, NT N-MFP, NT NPORT-EX, NT NPORT-P,
NT-NCEN, NT-NCSR, NT-NSAR, NTFNCEN, NTFNCSR, NTFNSAR, NTN 10D, NTN 10K, NTN 10Q, NTN 20F, OIP NTC,
OIP ORDR, POS 8C, POS AM, POS AMC, POS AMI, POS EX, POS462B, POS462C, POSASR, PRE 14A, PRE 14C,
PRE13E3, PREA14A, PREC14A, PREC14C, PREM14A, PREM14C, PREN14A, PRER14A, PRER14C, PRES14A,
PRRN14A, PX14A6G, PX14A6N, QRTLYRPT, QUALIF, REG-NR, REGDEX, REVOKED, RW, RW WD, S-1, S-11,
S-11MEF, S-1MEF, S-2, S-20, S-2MEF, S-3, S-3ASR, S-3D, S-3DPOS, S-3MEF, S-4, S-4 POS, S-4EF,
S-4MEF, S-6, S-8, S-8 POS, S-B, S-BMEF, SB-1, SB-2, SB-2MEF, SBSE, SBSE-A, SBSE-BD, SBSE-C,
SBSE-W, SBSEF, SC 13D, SC 13E1, SC 13E3, SC 13E4, SC 13G, SC 14D1, SC 14D9, SC 14F1, SC 14N,
SC 14N-S, SC TO-C, SC TO-I, SC TO-T, SC13E4F, SC14D1F, SC14D9C, SC14D9F, SCHEDULE 13D,
SCHEDULE 13G, SD, SDR, SE, SEC ACTION, SEC STAFF, SEC STAFF ACTION, SEC STAFF LETTER, SF-1, SF-3,
SH-ER, SH-NT, SIP, SL, SP 15D2, STOP ORDER, SUPPL, T-3, T-6, T-7, TA-1, TA-2, TA-W, TACO, TH, TTW,
U-1, UNDER, UPLOAD, WDL-REQ, X-17A-5, X-17A-19
"""

KNOWN_FORMS = frozenset(re.split(r",\s+", _KNOWN.strip()))


def expand_forms(names: Iterable[str]) -> frozenset[str]:
    """Exact form types for ``names``, families such as ``424B`` spelled out.

    Raises:
        ParameterError: a name is no form type that EDGAR uses, or there is none.
    """
    forms = frozenset(form for name in names for form in _expand(name.strip()))
    if not forms:
        raise ParameterError("forms is empty: name at least one form type, such as 8-K")
    return forms


def wanted(filings: Iterable[Filing], forms: Iterable[str]) -> tuple[Filing, ...]:
    """The filings whose form type is exactly one of ``forms``, in their order.

    Raises:
        ParameterError: as :func:`expand_forms`.
    """
    exact = expand_forms(forms)
    return tuple(filing for filing in filings if filing.form in exact)


def _expand(name: str) -> tuple[str, ...]:
    if name in FAMILIES:
        return FAMILIES[name]
    if name in KNOWN_FORMS or name.removesuffix("/A") in KNOWN_FORMS:
        return (name,)
    raise ParameterError(
        f"forms: {name!r} is not a form type of EDGAR{_suggestion(name)}", subject=name
    )


def _suggestion(name: str) -> str:
    amended = "/A" if name.upper().endswith("/A") else ""
    spellings = {_folded(form): form for form in (*sorted(KNOWN_FORMS), *FAMILIES)}
    base = _folded(name.upper().removesuffix("/A"))
    close = get_close_matches(base, spellings, n=1, cutoff=0.6)
    if not close:
        return "; see https://www.sec.gov/forms for the names"
    return f"; did you mean {spellings[close[0]] + amended!r}?"


def _folded(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
