"""A key, and every form in which servers and proxies were seen, or can be imagined, to quote it."""

import base64
import html
import json
import quopri
from urllib.parse import quote

KEY = "sk_live/Ab+9&<x>'\"q-%41=7FZz9_Q~42"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def quotes_of(key: str) -> dict[str, str]:
    return {
        "raw": key,
        "json": json.dumps(key)[1:-1],
        "json twice": json.dumps(json.dumps(key))[3:-3],
        "json with slashes": json.dumps(key)[1:-1].replace("/", "\\/"),
        "json, all escaped": "".join(f"\\u{ord(char):04x}" for char in key),
        "json, first escaped": f"\\u{ord(key[0]):04X}" + json.dumps(key[1:])[1:-1],
        "javascript": "".join(f"\\x{ord(char):02x}" for char in key),
        "html": html.escape(key),
        "html decimal": "".join(f"&#{ord(char)};" for char in key),
        "html hexadecimal": "".join(f"&#x{ord(char):X};" for char in key),
        "html twice": html.escape(html.escape(key)),
        "percent": quote(key, safe=""),
        "percent, lower": quote(key, safe="").lower(),
        "percent, all": "".join(f"%{ord(char):02x}" for char in key),
        "percent, twice": quote(quote(key, safe=""), safe=""),
        "percent in json": json.dumps(quote(key, safe="/")).replace("/", "\\/"),
        "bearer base64": _base64(f"Bearer {key}"),
        "basic base64": _base64(f"user:{key}"),
        "basic base64, no user": _base64(f":{key}"),
        "basic base64, as the user": _base64(f"{key}:"),
        "base64 for URLs": base64.urlsafe_b64encode(f"??{key}??".encode()).decode(),
        "hexadecimal": key.encode().hex(),
        "HEXADECIMAL": key.encode().hex().upper(),
        "quoted-printable": quopri.encodestring(key.encode()).decode(),
        "quoted-printable, all": "".join(f"={ord(char):02X}" for char in key),
        "upper": key.upper(),
        "lower": key.lower(),
        "over two lines": key[:9] + "\r\n   " + key[9:],
        "soft line break": key[:9] + "=\r\n" + key[9:],
        "invisible between": "\u200b".join(key),
        "cut short": key[:20],
        "cut in front": key[-20:],
        "after an equals sign": f"key={key}",
    }
