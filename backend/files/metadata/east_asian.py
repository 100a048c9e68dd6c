"""How well a text fits the East Asian code pages, which have two bytes for most characters.

They use the same bytes for other characters, so it counts how common the characters of a text would be: among the first that its
standard lists, or among those that texts are mostly made of.
"""

from collections.abc import Iterator
from typing import Final

EAST_ASIAN_TITLES: Final = {
    "cp932": "Shift JIS",
    "euc_jp": "EUC-JP",
    "gbk": "GBK",
    "cp950": "Big5",
    "cp949": "EUC-KR",
}
"""The code pages of Japanese, Chinese and Korean that are told apart, with their names."""

# The first level of each standard, by the first byte of a character. All other characters are rare. The bytes of EUC-JP and of
# Shift JIS differ for the same characters.
_FIRST_LEVEL: Final = {
    "cp932": range(0x88, 0x99),
    "euc_jp": range(0xB0, 0xD0),
    "gbk": range(0xB0, 0xD8),
    "cp950": range(0xA4, 0xC7),
    "cp949": range(0xB0, 0xC9),
}
_LEAST_SECOND_BYTE: Final = {"gbk": 0xA1, "cp949": 0xA1}  # smaller ones are of later extensions
# Signs of all of these, and the letters of two bytes that stand for those of ASCII.
_SIGNS: Final = frozenset("　、。〈〉《》「」『』【】〔〕〜・ー々…—·“”‘’，！？：；（）～")
# Half width, which misread text is full of.
_HALF_WIDTH: Final = range(0xFF61, 0xFFA0)
_KANA: Final = range(0x3041, 0x30FB)
# The characters that most texts are made of, from translated programs and the words of captions.
_JAPANESE: Final = frozenset(
    "一七万三上下不世中九了二五京人今付以休会位体何作使保信値像兄先光入全八公六共内円再写冬処出分切列制削前力"
    "加効動化北区十千卒南原参友取口古可右号合同名含告問四囲図国園土在地型城報場士声売変夏夕外多夜大天失女妹姉"
    "始婚子字存学孫安定実家富寺対小少山島川州左市年広度式引弟当形影待後得心必念思性情成我所手択持指接換撮敗数"
    "文新方旅族日早明星春時暗更書最月有朝期木本村来東松林校桜梅森検業楽標橋正母気水沖海湖準火無照父牛物犬猫王"
    "現理生用田男町画界番発白百的目県真知石示社祖神祭私秋秒空立竹算範約紅索終結続縄置署義者耳能自致色花草葉行"
    "表複西要見視解言記設証話認誕語読識警買赤足車込近返追道達遠適選部都配野金鍵長開間関阪限除雨雪雲電青音風食"
    "飲馬駅高魚鳥黒"
)
_SIMPLIFIED: Final = frozenset(
    "一万三上下不与且世业东两个中为主丽么义之乐也书了争事二于云五亚些交产京人什今从他代令以们件任会传但位住体"
    "何作你使便保信候值做像儿先光克入全公共关其内再写军冬决几出分切列则创删利别到制前力加务动包化北区十单南博"
    "即却原去参又及友反发取受变口古只可台号司各合同名后向否含听告员命和品哥器四回因园国图在地圳场块型城基塔声"
    "处复夏外多夜大天太失头女奶她好如妈妹姐子字存学孩它安完定实宫家密对寺导将小少尔就展山岛州工己已市师带常平"
    "年并广序库应度建开式引弟张强当录形影很得德心必快念态思性总息您情想意感成我或战户所手才打找把报拉持指换据"
    "接提操支改放政效教数文斯新方旅无日早时明星春是显晚晨更最月有朋服望期未本术机权村条来林果查标树样格桥模次"
    "正此死母比毕民气水求没河治法活海深清港游湖湾点然照父爷爸片版牛物特狗猫王现理生用由电画界留白的目直相省看"
    "真眼着知码确示社神福秋种科称移程空立笔符第等签管类系索红组经结给统绿编置羊美老者而能自至色节花草落蓝行街"
    "表被西要见观规觉解计认让记许论设证识话该语误说请读象败资走起路身转软输边达过运还这进选通道那部都配里重量"
    "金钥错键长门问间队阳院除难雨雪需非面韩项须领题风馆香马高鱼鸟黄黑默"
)
_TRADITIONAL: Final = frozenset(
    "一三上下不且世並中主之也了事二五些亞交京人什今他代令以件任但位住何作你使來便保信個們候值做傳像元先光克兒"
    "入內全兩公共其再冬出分切列別利到制則前力加動務化北區十南博即卻原去參又及友反取受口古只可台司各合同名向否"
    "告命和品員哥問啟單器四回因國園圖在地圳型城執基報場塔夏外多夜大天太失女奶她好如妹姐媽子字存孩學它安完定宮"
    "家實寫寺將對導小少就展山島州工己已市師帶常平年幾度廣建式引弟張強形影很後得從德心必快念思性情想意感應成我"
    "或戰所手才打把拉指接提據支放政效敗教整數文料斯新方於旅日早明星春是時晚晨景更書最會月有朋望期未本村東林果"
    "格案條業樂標模樣樹橋機檔權次正此死母比民氣水求決沒河治法活海深清港湖灣為無然照爭父爸爺爾片版牛物特狗王現"
    "理生產用由界留畢畫當發白的目直相看真眼知確碼示社神福秋科移程種稱空立符第等管節系紅組結給統經綠線編總置羊"
    "美義老者而聲聽能自至臺與色花草萬落著藍處號行術街表被裡西要見規覺觀解計訊記設許話該認語誤說調論識變讓象貓"
    "資走起路身軍輸這通進遊運過道達選還邊那部都重量金錄錯鍵長門開間關院除陽隊難雨雪雲電非面韓項預領頭題類顯風"
    "館香馬體高魚鳥麗麼黃黑點"
)
_KOREAN: Final = frozenset(
    "가각간값강같개거건검것게겨결경계고공과관교구국권규그근글기길까께꽃끝나낮내너널네넷녁년노눈는늘능니닙다단"
    "달당대더데덱도돌동되된됨두둘드든들디딩때또라란랑래랜램러럼레렉려력렬령로록료룹류르른를름리릴림링마만매머"
    "메면명모목못무문물미민밋바반발밤방배백버번범법베변별병보복본봄부분불브블비빛빠빨사삭산상새색생서선설성세"
    "셋션소속손수숫스습시식신실십쓰쓸아안않알았야양어억엄업없었에여역연열영예오올옵와요용우운울원월위유으은을"
    "음의이인일읽임입있자작잔잘장재저적전절접정제젝젯져조족졸종주준줄중증지진집째쪽찍참찾처첫청체초최추축출치"
    "친침카칼커코크클키타태택터테텍템토트티파패퍼페포표프플필하학한할함합항해했행허현형호혼화확환활후"
)
_COMMON: Final = {
    "cp932": _JAPANESE, "euc_jp": _JAPANESE, "gbk": _SIMPLIFIED, "cp950": _TRADITIONAL, "cp949": _KOREAN,
}  # fmt: skip
# What a character of the first level is worth that is not common. Of Korean, whose common ones are nearly all, little.
_FIRST_LEVEL_POINTS: Final = 0.55
_KOREAN_POINTS: Final = 0.1
_MIXED: Final = 0.5
_JAPANESE_PAGES: Final = ("cp932", "euc_jp")


def fit_east_asian(raw: bytes) -> dict[str, float]:
    """How well a text fits each page whose bytes it can be: 1 where all characters beyond ASCII are common ones, down to -2.

    Characters right beside letters of ASCII count less, since Latin texts that are misread are full of them.
    """
    fits = {}
    for page in EAST_ASIAN_TITLES:
        try:
            words = raw.decode(page)
        except UnicodeDecodeError:
            continue
        points = list(_points(words, page))
        fits[page] = sum(points) / max(len(points), 1)
    return fits


def _points(words: str, page: str) -> Iterator[float]:
    for before, one, after in zip(f" {words[:-1]}", words, f"{words[1:]} ", strict=True):
        if not one.isascii():
            is_mixed = any(beside.isascii() and beside.isalpha() for beside in (before, after))
            yield _worth(one, page) - (_MIXED if is_mixed else 0.0)


def _worth(one: str, page: str) -> float:
    if one in _COMMON[page] or one in _SIGNS:
        return 1.0
    if ord(one) in _KANA:
        return 1.0 if page in _JAPANESE_PAGES else -0.5
    if not one.isalpha() or ord(one) in _HALF_WIDTH:
        return -1.0
    raw = one.encode(page)
    is_first = raw[0] in _FIRST_LEVEL[page] and raw[-1] >= _LEAST_SECOND_BYTE.get(page, 0)
    if not is_first:
        return -0.5
    return _KOREAN_POINTS if page == "cp949" else _FIRST_LEVEL_POINTS
