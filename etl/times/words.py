"""How the months, the weekdays and the halves of the day are called in files. Pure: tables.

No name means two months, or two weekdays, in the languages that are here.
"""

from typing import Final

__all__ = ["HALVES", "MONTHS", "WEEKDAYS", "fold_word"]

_MONTH_NAMES: Final = {
    "en": "january february march april may june july august september october november december",
    "en short": "jan feb mar apr may jun jul aug sep oct nov dec",
    "en other": "- - - - - - - - sept - - -",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "de short": "jän - mär - - - - - - okt - dez",
    "de other": "jänner feber mrz - - - - - - - - -",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "fr short": "janv févr - avr - - juil aoû - - - déc",
    "fr plain": "- fevrier - - - - - aout - - - decembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "es short": "ene - - abr - - - ago - - - dic",
    "es other": "- - - - - - - - setiembre - - -",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "it short": "gen - - - mag giu lug - set ott - -",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "pt short": "- fev - - - - - - - out - -",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "nl short": "- - mrt - - - - - - - - -",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "no short": "- - - - - - - - - - - des",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pl alone": "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień",
    "pl short": "sty lut - kwi - cze lip sie wrz paź lis gru",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta "
    "lokakuuta marraskuuta joulukuuta",
}  # fmt: skip
_WEEKDAY_NAMES: Final = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "en short": "mon tue wed thu fri sat sun",
    "en other": "- tues - thur - - -",
    "en longer": "- - - thurs - - -",
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "de short": "mo di mi do fr sa so",
    "de other": "- - - - - sonnabend -",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "fr short": "lun mar mer jeu ven sam dim",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "es short": "- - mié jue vie sáb dom",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "it short": "- - - gio - sab -",
    "pt": "segunda terça quarta quinta sexta sábado domingo",
    "pt short": "seg ter qua qui sex - -",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "nl short": "ma - wo - vr za zo",
    "sv": "måndag tisdag onsdag torsdag fredag lördag söndag",
    "sv short": "mån tis ons tor fre lör sön",
    "da": "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    "da short": "man tir - - - lør søn",
    "pl": "poniedziałek wtorek środa czwartek piątek sobota niedziela",
}  # fmt: skip


def _number(names: dict[str, str]) -> dict[str, int]:
    return {
        word: number
        for line in names.values()
        for number, word in enumerate(line.split(), start=1)
        if word != "-"
    }


MONTHS: Final = _number(_MONTH_NAMES)
WEEKDAYS: Final = _number(_WEEKDAY_NAMES)
# What stands for AM or PM, without dots and spaces: the hours to add to those of 12.
HALVES: Final = {"am": 0, "pm": 12, "a": 0, "p": 12, "上午": 0, "下午": 12, "오전": 0, "오후": 12}


def fold_word(word: str) -> str:
    """Return a word as the tables have it: small letters, without dots and spaces."""
    return "".join(char for char in word.lower() if char.isalpha())
