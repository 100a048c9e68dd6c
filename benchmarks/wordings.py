# ruff: noqa: INP001 - scripts, not a package
"""Queries that a person might type for each kind of scene in the demo gallery, written before any measurement with them.

None of them was in the training data of the demo model. They avoid words of the gallery's own captions where possible.
"""

from collections.abc import Mapping
from types import MappingProxyType

REWORDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lighthouse": ("light tower warning ships on the coast", "a beacon that guides ships", "lamp tower on a cape"),
        "mountain-lake": (
            "calm alpine water with snowy peaks",
            "summits reflected in water",
            "a tarn below the glacier",
        ),
        "city-skyline": ("skyscraper windows glowing after dark", "high-rises lit up", "metropolis by night"),
        "sunflower-field": ("big yellow flowers on a farm", "helianthus in bloom", "yellow blossoms turned to the sun"),
        "sailing-boat": ("yacht with its sail up at sea", "a vessel driven by the wind", "a regatta"),
        "hot-air-balloons": ("balloons floating over a valley", "drifting in a basket in the sky", "montgolfiers"),
        "snowy-forest": ("fir trees in winter snow", "white woodland in january", "frost on the spruces"),
        "desert-dunes": ("sand hills in the sahara", "an arid wasteland", "ridges of sand shaped by the wind"),
        "tulip-garden": ("spring flower beds with tulips", "dutch bulbs in blossom", "a park in april"),
        "stone-bridge": ("old arches crossing the stream", "a medieval river crossing", "masonry span over a brook"),
        "windmill": (
            "mill with turning sails on a meadow",
            "where flour was ground",
            "holland, four vanes in the wind",
        ),
        "coffee-cup": ("hot cappuccino in a mug", "an espresso in the morning", "a drink with steam on a table"),
        "fruit-bowl": ("apples and oranges in a dish", "healthy snacks", "a still life with pears"),
        "bicycle": ("bike parked in the street", "two wheels in an old street", "a way to cycle to work"),
        "castle": ("medieval fortress with towers", "where the king lived", "ramparts and battlements"),
        "camp-fire": ("tent and flames in the woods", "a night outdoors under the stars", "burning logs"),
        "coral-reef": ("tropical fish under water", "snorkelling in the red sea", "marine life"),
        "train": ("railway carriages travelling through the country", "a locomotive on rails", "commuting by rail"),
        "harbour-houses": ("painted houses along the quay", "a fishing village", "waterfront with moored dinghies"),
        "chessboard": ("kings and pawns in a game", "checkmate", "a board with rooks and bishops"),
        "aurora": ("polar lights over the arctic", "green glow in the northern sky", "solar wind above iceland"),
        "waterfall": ("cascade falling down the rocks", "a river plunging down", "white spray in a gorge"),
        "vineyard": ("grapevines for wine on a slope", "where riesling grows", "the harvest of grapes"),
        "beach-umbrella": ("parasol and deck chair on the sand", "a holiday by the sea", "shade at the seaside"),
    }
)
"""Three wordings of each kind, by slug."""
