"""What is known of languages: their smallest words, the scripts that one of them has to itself, and the words for "not found".

The small words tell which language a text is in, well enough to know when two texts must *not* be compared. The words for "not found" never
decide alone (docs/adr/0121).
"""

from __future__ import annotations

import re

from preserve.model.pattern import pattern

OF_ONE = {
    "kana": "ja",
    "hangul": "ko",
    "han": "zh",
    "thai": "th",
    "hebrew": "he",
    "greek": "el",
    "georgian": "ka",
    "armenian": "hy",
}
SMALL = {
    "en": "the of and to in is was for on that with by from are this be at not what how why its their has have will",
    "de": "der die das und ist von den dem im zu mit für auf des ein eine einer nicht sich auch wird bei nach aus zum zur wie über ab am an ans beim vom sind noch nur",
    "fr": "le la les des du une est et dans pour que qui sur pas au aux avec par ce cette sont plus leur ses",
    "es": "el la los las del una es y en que por con para se al su como más sus lo fue",
    "it": "il lo gli della delle dei che di è per con una non sono del nel alla come più dal sul",
    "pt": "o os do da dos das uma é em que para com não por mais na no como ao seu sua foi",
    "nl": "de het een van en is dat op te zijn met voor niet aan er ook bij door naar over uit",
    "sv": "i ut och att det som en på är av för med till den har inte om ett var från",
    "da": "i og at det som en på er af for med til den har ikke om et var fra der",
    "pl": "i w na z do się nie jest że o od po za dla jak przez są oraz był",
    "cs": "a v na se je že s z do o k pro jako za by po od jsou které byl",
    "hu": "a az és hogy nem is egy van volt meg csak mint ez el de",
    "fi": "ja on ei että oli se hän mutta myös kun ovat sekä tai joka",
    "tr": "ve bir bu da de için ile olarak olan daha çok gibi sonra kadar en var",
    "ru": "и в на не что с по это как он от за из для был его к до при",
    "uk": "і в на не що з та це як від за для був його до при у й про",
    "sr": "и у на је да се не од за са као су би по",
}
LETTERS = {
    "de": "ß",
    "es": "ñ¿¡",
    "pt": "ãõ",
    "pl": "łąęśźż",
    "cs": "řůě",
    "hu": "őű",
    "tr": "ğış",
    "ru": "ыэъё",
    "uk": "іїєґ",
    "sr": "јљњћђџ",
    "ar": "ةأإى",
    "fa": "پچژگیک",
}
"""Letters that speak for a language among those that share its script."""
NOT_FOUND = pattern(
    r"\b(?:404|410)\b|not found|(?:doesn.?t|does not|no longer) exists?|(?:no longer|not) available|can.?t be found|cannot be found|nothing (?:was )?found"
    r"|nicht gefunden|existiert nicht|nicht (?:mehr )?verfügbar|introuvable|n.existe (?:pas|plus)|no (?:se )?(?:ha )?(?:sido )?encontrad[ao]|no existe"
    r"|não (?:foi )?encontrad[ao]|não existe|non (?:è stata )?trovat[ao]|non esiste|niet gevonden|bestaat niet|hittades inte|finns inte|ikke fundet|ikke funnet"
    r"|nie (?:została )?znalezion[oa]|nie istnieje|nebyla nalezena|neexistuje|nem található|ei löydy|bulunamadı|не найден[ао]?|не существует|не знайдено|не існує"
    r"|не е намерена|није пронађена|δεν βρέθηκε|لم يتم العثور|غير موجودة?|یافت نشد|לא נמצא|नहीं मिला|ไม่พบ|見つかりません|存在しません|未找到|不存在|找不到|찾을 수 없|không tìm thấy"
    r"|tidak ditemukan|nu a fost găsit|չի գտնվել|ვერ მოიძებნა",
    re.IGNORECASE,
)
