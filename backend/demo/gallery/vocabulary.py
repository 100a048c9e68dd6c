"""The words for each kind of scene: what it is called, where it stands, what people search for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Vocabulary:
    """Phrases for one kind, a bar between alternatives. {colour} and {accent} stand for named colours, {season} for one.

    `things` are noun phrases with an article, `plain` the same without any colour, `settings` where it stands, `titles`
    proper titles, `tags` keywords, `places` pairs "spot, region", `stories` sentences.
    """

    query: str
    things: str
    plain: str
    settings: str
    titles: str
    tags: str
    places: str
    stories: str


VOCABULARY: Mapping[str, Vocabulary] = MappingProxyType(
    {
        "lighthouse": Vocabulary(
            "a lighthouse by the sea",
            "a {colour} and white lighthouse|a lighthouse with {colour} stripes|a {colour} striped beacon tower|an old {colour} lighthouse",
            "a lighthouse|an old lighthouse|a striped light tower|a beacon on the coast",
            "above the sea|on a rocky headland|on the cliffs of the coast|watching over the ocean|at the edge of the waves",
            "The Keeper's Light|Beacon on the Point|Last Light of the Coast|Standing Watch",
            "lighthouse|coast|sea|beacon|cliff|tower|headland|ocean",
            "Skerry Point, Northumbria|Cap Vert, Brittany|Gull Head, Nova Scotia|Ness of Brough, Orkney",
            "We walked out along the headland until the path ended.|The lamp has guided ships past these rocks for over a century.|The wind up here never stops.",
        ),
        "mountain-lake": Vocabulary(
            "a mountain lake",
            "a still lake below snowy mountains|an alpine lake and its peaks|snow-capped mountains mirrored in a lake",
            "a mountain lake|an alpine lake|snowy peaks above a lake|a lake in the mountains",
            "with pines along the shore|reflecting the summits|high in the alps|framed by dark firs",
            "Mirror of the Peaks|Still Water|Summits Twice Over|High Valley",
            "mountains|lake|reflection|alps|peaks|pines|snow|wilderness",
            "Lago Sereno, Dolomites|Moraine Basin, Alberta|Bergsee, Tyrol|Lake Marian, Fiordland",
            "Not a breath of wind, so the mountains stood on their heads.|It is a four hour climb from the last car park.|The water was far too cold to swim in.",
        ),
        "city-skyline": Vocabulary(
            "a city skyline at night",
            "a city skyline with {colour} lights|skyscrapers with {colour} neon|downtown towers glowing {colour}",
            "a city skyline|skyscrapers of the city|office towers and lit windows|the downtown skyline",
            "across the river|mirrored in the water|with windows lit|above the waterfront",
            "City That Glows|Ten Thousand Windows|Across the River|Neon and Glass",
            "city|skyline|skyscrapers|urban|lights|buildings|downtown|architecture",
            "Riverside, Shanghai|East Pier, New York|Marina Front, Singapore|Harbour Walk, Vancouver",
            "Every window is somebody working late.|We watched the lights come on one floor at a time.|The ferry to the other bank is the cheapest viewpoint in town.",
        ),
        "sunflower-field": Vocabulary(
            "a field of sunflowers",
            "a field of yellow sunflowers|golden sunflowers in rows|tall yellow sunflowers",
            "a sunflower field|sunflowers in bloom|a field full of sunflowers|blooming sunflowers",
            "as far as the hills|under a wide sky|in the open countryside|on a farm in summer",
            "All Faces to the Sun|Gold to the Horizon|Summer Standing Tall|Field of Suns",
            "sunflowers|field|flowers|yellow|summer|farm|countryside|bloom",
            "Valensole, Provence|Val d'Orcia, Tuscany|Carmona, Andalusia|Cherkasy, Ukraine",
            "The bees were so loud that we heard the field before we saw it.|By evening all of them had turned.|The farmer let us walk along the edge.",
        ),
        "sailing-boat": Vocabulary(
            "a sailing boat on the water",
            "a {colour} sailing boat|a sailboat with {colour} sails|a yacht under a {colour} sail|a small boat with a {colour} mainsail",
            "a sailing boat|a sailboat|a yacht under sail|a small sailing yacht",
            "on open water|out in the bay|crossing the sound|in a light breeze|far from the shore",
            "Fair Wind|Before the Breeze|Out Past the Bay|One Sail",
            "sailing|boat|sea|yacht|sail|wind|water|regatta",
            "Kiel Bay, Baltic|The Solent, Hampshire|Golfe de Porto, Corsica|Hauraki Gulf, Auckland",
            "She heeled over just as the gust arrived.|We had the whole bay to ourselves.|My uncle built her in his barn over six winters.",
        ),
        "hot-air-balloons": Vocabulary(
            "hot-air balloons in the sky",
            "a {colour} hot-air balloon among others|a {colour} and {accent} balloon|hot air balloons, the nearest {colour}",
            "hot-air balloons|a hot air balloon|balloons in flight|colourful hot air balloons",
            "drifting over the hills|high in the sky|floating above the valley|rising into the air",
            "Up and Away|The Quiet Fleet|Lighter Than Morning|Baskets in the Sky",
            "balloons|hot air balloon|sky|flight|festival|adventure|hills|colourful",
            "Göreme, Cappadocia|Ashton Fields, Bristol|Rio Grande Valley, New Mexico|Bagan Plain, Myanmar",
            "The only sound was the burner, every half minute.|We landed in a field of very surprised sheep.|Thirty of them took off within ten minutes.",
        ),
        "snowy-forest": Vocabulary(
            "a snow-covered pine forest",
            "pines heavy with white snow|a snow-covered forest of firs|a white winter forest",
            "a snowy forest|snow-covered pines|fir trees in the snow|a winter wood",
            "along a trackless path|in deep winter|with fresh snow on the branches|in the silent woods",
            "Deep Winter|After the Snowfall|The White Path|Hush",
            "snow|forest|winter|pines|trees|cold|path|woods",
            "Rovaniemi, Lapland|Harz, Saxony|Engadine, Graubünden|Jasper, Alberta",
            "Snow swallows every sound except your own steps.|Somebody on skis had been here before us.|It was eighteen below and worth it.",
        ),
        "desert-dunes": Vocabulary(
            "sand dunes in the desert",
            "golden sand dunes|orange dunes of the desert|waves of yellow sand",
            "desert dunes|sand dunes|a sea of sand|dunes in the desert",
            "under an empty sky|shaped by the wind|with sharp crests and long shadows|as far as one can see",
            "Sea of Sand|The Wind's Handwriting|Empty Quarter|Crest Line",
            "desert|dunes|sand|dry|heat|landscape|wind|arid",
            "Erg Chebbi, Morocco|Sossusvlei, Namibia|Liwa, Abu Dhabi|Great Sand Sea, Egypt",
            "By the time we looked back the wind had taken our tracks.|The sand is cool on the shaded side.|A line of camels passed without a sound.",
        ),
        "tulip-garden": Vocabulary(
            "a garden full of tulips",
            "{colour} tulips|beds of {colour} and {accent} tulips|rows of {colour} tulips|a garden of {colour} tulips",
            "a tulip garden|tulips in bloom|flower beds of tulips|a bed of spring tulips",
            "in a park|in neat rows|in front of the trees|in full bloom in spring",
            "Spring in Rows|Tulip Time|The Gardener's Pride|Cups of Colour",
            "tulips|garden|flowers|spring|park|bloom|flower bed|petals",
            "Keukenhof, Lisse|Emirgan Park, Istanbul|Skagit Valley, Washington|Isle of Mainau, Lake Constance",
            "They plant seven million bulbs by hand every autumn.|A week later they would all have been cut.|My grandmother could name each variety.",
        ),
        "stone-bridge": Vocabulary(
            "a bridge over a river",
            "an arched stone bridge|an old bridge of stone with {season} trees|a stone bridge in {season}",
            "a stone bridge|an old arched bridge|a bridge with stone arches|a river bridge",
            "over a quiet river|across the stream|mirrored in the river|between wooded banks",
            "Crossing|Arches and Water|The Old Bridge|From Bank to Bank",
            "bridge|river|stone|arches|trees|reflection|old|crossing",
            "Clapham Beck, Yorkshire|Ponte Vella, Galicia|Pont du Diable, Ariège|Old Weir, Thuringia",
            "Carts have crossed here since the fifteenth century.|Trout stand in the shade under the second arch.|The left arch was rebuilt after the flood.",
        ),
        "windmill": Vocabulary(
            "an old windmill",
            "a {colour} windmill|an old mill with {colour} walls|a {colour} mill with four sails",
            "a windmill|an old windmill|a mill with wooden sails|a flour mill",
            "on a green meadow|in flat country|turning in the wind|among wild flowers",
            "The Miller's Morning|Four Sails|Grinding On|Flat Country",
            "windmill|mill|meadow|countryside|sails|wind|rural|heritage",
            "Kinderdijk, Holland|Campo de Criptana, La Mancha|Cley, Norfolk|Greetsiel, Frisia",
            "It still grinds flour on the first Saturday of the month.|The sails creak like a ship.|Storks nest on the neighbouring roof.",
        ),
        "coffee-cup": Vocabulary(
            "a cup of coffee on a table",
            "a {colour} cup of coffee|coffee in a {colour} cup|a cappuccino in a {colour} mug|a latte in {colour} china",
            "a cup of coffee|a cappuccino|a mug of hot coffee|a flat white with latte art",
            "on a wooden table|steaming in a cafe|with a spoon on the saucer|in a quiet coffee house",
            "First Cup|Steam and Foam|Five Quiet Minutes|The Usual",
            "coffee|cup|cafe|table|breakfast|drink|steam|cappuccino",
            "Café Central, Vienna|Rua Garrett, Lisbon|Via della Pace, Rome|Nørrebro, Copenhagen",
            "They draw the same leaf for every regular.|I came in for ten minutes and stayed two hours.|The beans are roasted in the back room.",
        ),
        "fruit-bowl": Vocabulary(
            "a bowl of fruit",
            "a bowl of {colour} fruit|{colour} fruit in a {accent} bowl|a still life with {colour} fruit|a {accent} bowl of {colour} apples and oranges",
            "a fruit bowl|a bowl full of fresh fruit|a still life of fruit|apples, oranges and bananas in a bowl",
            "on the kitchen table|on a wooden table|ripe and shining|in a country kitchen",
            "Still Life with Fruit|Market Day|Ripe|The Kitchen Table",
            "fruit|bowl|still life|food|apples|oranges|kitchen|fresh",
            "Mercado Central, Valencia|Kitchen Garden, Kent|Campo Lunga, Liguria|Old Mill House, Normandy",
            "All of it came from one stall.|Nobody was allowed to eat until the picture was taken.|The bowl was a wedding present.",
        ),
        "bicycle": Vocabulary(
            "a bicycle by a wall",
            "a {colour} bicycle|a {colour} bike|an old {colour} bicycle|a {colour} bike against a {accent} wall",
            "a bicycle|an old bike|a parked bicycle|a city bike",
            "leaning against a wall|parked below a window|in a cobbled street|in front of painted shutters",
            "Parked|Two Wheels, No Hurry|Side Street|Gone for Bread",
            "bicycle|bike|wall|street|window|cobbles|cycling|old town",
            "Jordaan, Amsterdam|Via San Niccolò, Lucca|Rue des Rosiers, Colmar|Möllevången, Malmö",
            "It has stood there every time I passed.|The basket smelled of fresh bread.|No lock; it is that kind of street.",
        ),
        "castle": Vocabulary(
            "a castle on a hill",
            "a castle with {colour} roofs|a {colour}-roofed castle|a fairy-tale castle with {colour} towers",
            "a castle|a medieval castle|an old fortress with towers|a fairy-tale castle",
            "on a wooded hill|high above the valley|on the hilltop|behind thick walls",
            "The Keep|Above the Valley|Once Upon a Hill|Walls and Towers",
            "castle|hill|towers|medieval|fortress|history|walls|architecture",
            "Burg Falkenau, Franconia|Château de Lourmel, Dordogne|Hrad Strážky, Bohemia|Castell Coch, Wales",
            "The last siege ended when both sides ran out of bread.|The climb to the gate takes half an hour.|A family of jackdaws owns the tallest tower.",
        ),
        "camp-fire": Vocabulary(
            "a camp fire under the stars",
            "a camp fire and a {colour} tent|a {colour} tent beside a fire|flames of a campfire near a {colour} tent",
            "a camp fire|a campfire and a tent|a burning fire at the camp|camping by the fire",
            "in the woods|at the edge of the forest|between the pines|with sparks flying up",
            "Round the Fire|Sparks|A Night Outside|Base Camp",
            "campfire|tent|camping|fire|forest|stars|outdoors|flames",
            "Yosemite Creek, California|Femundsmarka, Norway|Glen Affric, Highlands|Tatra Meadow, Poland",
            "Somebody had a guitar, luckily somebody who could play it.|We burned the porridge and nobody minded.|An owl called until midnight.",
        ),
        "coral-reef": Vocabulary(
            "a coral reef with fish",
            "{colour} fish over a coral reef|a school of {accent} fish and {colour} ones|{colour} reef fish",
            "a coral reef|tropical fish on the reef|fish among corals|an underwater reef",
            "under water|below the surface of the sea|in clear tropical water|on a dive",
            "Below the Surface|Reef Life|The Other City|Twelve Metres Down",
            "reef|coral|fish|underwater|diving|tropical|ocean|marine life",
            "Ras Nasrani, Red Sea|Ribbon Reef, Queensland|Raja Ampat, Papua|North Malé, Maldives",
            "The striped ones came closer than we did.|Visibility was thirty metres.|A turtle passed just after I had put the camera away.",
        ),
        "train": Vocabulary(
            "a train in the countryside",
            "a {colour} train|a {colour} railway train|a {colour} express with {accent} stripe|a {colour} passenger train",
            "a train|a passenger train|a railway train|an express train",
            "crossing the hills|running through green country|on the line between the villages|on its way through the landscape",
            "The 9.14|Through Green Country|On the Line|Window Seat",
            "train|railway|travel|rail|landscape|journey|tracks|transport",
            "Albula Line, Switzerland|Settle Line, Cumbria|Bergen Line, Norway|Semmering, Austria",
            "It comes by twice a day and everybody looks up.|I waited forty minutes for these four seconds.|The driver waved.",
        ),
        "harbour-houses": Vocabulary(
            "colourful houses at a harbour",
            "{colour} and {accent} houses|colourful harbour houses, some {colour}|gabled houses in {colour} and {accent}",
            "harbour houses|colourful houses on the quay|a row of painted houses|gabled houses at the port",
            "along the harbour|on the waterfront|mirrored in the harbour water|above the moored boats",
            "Painted Quay|House by House|Old Harbour|Colours of the Port",
            "harbour|houses|quay|colourful|waterfront|boats|port|old town",
            "Nyhavn, Copenhagen|Bryggen, Bergen|Vieux Bassin, Honfleur|Marina Corta, Lipari",
            "Fishermen painted them so as to find home in fog.|The yellow one has been an inn since 1720.|At high water the cellars flood.",
        ),
        "chessboard": Vocabulary(
            "a chessboard with pieces",
            "chess pieces on a {colour} and cream board|a {colour} chessboard|a game of chess on a {colour} board",
            "a chessboard|a game of chess|chess pieces|kings and pawns on a chess board",
            "on a table|in the middle of a match|waiting for the next move|in the club room",
            "Endgame|White to Move|Zugzwang|The Long Think",
            "chess|board|game|strategy|pieces|king|pawn|table",
            "Café de la Régence, Paris|Chess Club, Reykjavík|Washington Square, New York|Széchenyi Baths, Budapest",
            "Black resigned three moves later.|He has played here every Tuesday since school.|I still think the bishop was a mistake.",
        ),
        "aurora": Vocabulary(
            "northern lights in the sky",
            "a {colour} aurora|{colour} northern lights|curtains of {colour} and {accent} light|a {colour} polar light",
            "northern lights|an aurora|the aurora borealis|polar lights",
            "over dark hills|dancing across the sky|above a frozen valley|in the arctic night",
            "Sky on Fire|The Green Hour|Solar Wind|Curtain Call",
            "aurora|northern lights|night|sky|arctic|stars|winter|polar",
            "Abisko, Sweden|Tromsø, Norway|Yellowknife, Canada|Þingvellir, Iceland",
            "It lasted eleven minutes and nobody spoke.|Phones do not catch how it moves.|We had almost given up and gone to bed.",
        ),
        "waterfall": Vocabulary(
            "a waterfall in the forest",
            "a white waterfall|a waterfall over mossy green rocks|a tall white cascade",
            "a waterfall|a cascade|falling water|a high waterfall",
            "plunging from a cliff|dropping into a pool|between mossy rocks|in a green gorge",
            "Free Fall|The Veil|Thunder in the Gorge|White Water",
            "waterfall|cascade|rocks|river|moss|gorge|water|nature",
            "Seljaland, Iceland|Triberg, Black Forest|Erawan, Kanchanaburi|Gorge du Loup, Provence",
            "The spray reaches you long before the view does.|You can walk behind it if you do not mind getting wet.|After three days of rain it was twice as wide.",
        ),
        "vineyard": Vocabulary(
            "rows of vines in a vineyard",
            "a vineyard in {season}|rows of {season} vines|{season} grapevines",
            "a vineyard|rows of vines|grapevines on a slope|a wine estate",
            "running up the hillside|below a farmhouse|with cypresses behind|in wine country",
            "Rows|Before the Harvest|The Winemaker's View|Slope and Sun",
            "vineyard|vines|wine|grapes|hills|rows|farm|harvest",
            "Panzano, Chianti|Douro Valley, Portugal|Kaiserstuhl, Baden|Stellenbosch, Western Cape",
            "They pick by hand and start at five.|The soil is all slate.|The old vines at the top give the best wine and the least.",
        ),
        "beach-umbrella": Vocabulary(
            "an umbrella on the beach",
            "a {colour} beach umbrella|a {colour} and white parasol|a {colour} striped sunshade and a {accent} deck chair",
            "a beach umbrella|a parasol on the sand|a sunshade and a deck chair|a striped parasol",
            "on a sandy beach|by the surf|in front of turquoise water|at the seaside",
            "Out of Office|Shade|Low Tide Holiday|Salt and Sand",
            "beach|umbrella|sand|holiday|sea|parasol|deck chair|summer",
            "Praia da Rocha, Algarve|Forte dei Marmi, Tuscany|Byron Bay, New South Wales|Sellin, Rügen",
            "We came at eight to get the front row.|The tide took the sandcastle at four.|Nobody read the book that we had all brought.",
        ),
    }
)
"""The vocabulary of each kind, by slug."""

QUERIES: Mapping[str, str] = MappingProxyType({slug: words.query for slug, words in VOCABULARY.items()})
"""A query in words for each kind, by slug."""
