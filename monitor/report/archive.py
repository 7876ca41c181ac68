"""Files that are ZIP archives, written so that the same content gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first day that the format knows


def rezip(content: bytes, change: Callable[[str, bytes], bytes] = lambda _, data: data) -> bytes:
    """The same archive with fixed dates of its members; `change` may mend what a member holds."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            member = zipfile.ZipInfo(info.filename, _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o600 << 16
            new.writestr(member, change(info.filename, old.read(info)))
    return made.getvalue()
