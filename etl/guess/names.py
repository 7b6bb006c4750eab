"""Which names columns have that hold a field. Pure: tables, in order of preference."""

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["FIELD_NAMES", "find_column", "fold", "words_of"]

FIELD_NAMES: Final = {
    "messageId": ("messageid", "msgid", "messageuuid", "answerid", "responseid", "replyid", "commentid", "msg",
        "message"),
    "conversationId": (
        "conversationid", "convid", "conversation", "chatid", "chatsessionid", "threadid", "thread", "dialogid",
        "ticketid", "ticket", "caseid", "sessionid", "session", "roomid", "channelid", "room",
    ),
    "searchQuery": (
        "searchquery", "userquery", "query", "q", "searchterm", "searchtext", "searchstring", "searchphrase",
        "searchkeyword", "keywords", "keyword", "search", "term", "querytext",
    ),
    "createdAt": (
        "createdat", "eventtimestamp", "eventtime", "occurredat", "happenedat", "timestamp", "ts", "datetime", "sentat",
        "loggedat", "created", "createtime", "creationtime", "creationdate", "createddate", "eventdate", "startedat",
        "started", "starttime", "start", "time", "date", "when", "at", "originaltimestamp", "receivedat", "day",
    ),
    "type": ("eventtype", "eventname", "event", "action", "type", "activity", "kind", "name"),
    "entityType": ("entitytype", "entity", "objecttype", "subject"),
    "id": ("eventid", "eventuuid", "uuid", "insertid", "id", "guid", "rowid", "logid"),
    "projectId": ("projectid",),
    "integrationId": ("integrationid",),
    "user": (
        # A person's own first, then names, then what stands for a browser or a device.
        "userid", "user", "uid", "customerid", "memberid", "personid", "contactid", "authorid", "fromuserid",
        "senderid", "requesterid", "subscriberid", "employeeid", "accountid", "username", "login", "customer", "author",
        "sender", "requester", "member", "from", "distinctid", "visitorid", "clientid", "userpseudoid", "anonymousid",
        "deviceid", "cookieid", "fingerprint",
    ),
    "identificationType": ("identificationtype",),
    "userType": ("usertype",),
    "supportAgentName": ("supportagentname", "agentname"),
    "supportAgentEmail": ("supportagentemail", "agentemail"),
}  # fmt: skip


def find_column(field: str, columns: Iterable[str]) -> str | None:
    """Return the column that most likely holds `field`; one inside another only where none is beside it."""
    names = list(columns)
    for wanted in FIELD_NAMES[field]:
        for name in names:
            if "." not in name and fold(name) == wanted:
                return name
    for wanted in FIELD_NAMES[field]:
        for name in names:
            if "." in name and fold(name.rpartition(".")[2]) == wanted:
                return name
    return None


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in small letters: `lastUpdatedAt` and `last_updated_at` have three."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def fold(name: str) -> str:
    """Return a name without case, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
