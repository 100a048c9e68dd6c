import time, sys, json
from collections import defaultdict
import numpy as np
import psycopg, tempfile
from pathlib import Path

sys.path.insert(0, "/work/main")
sys.path.insert(0, "/work/main/tests/integration")
import importlib.util

spec = importlib.util.spec_from_file_location("ts", "/work/main/tests/integration/test_search.py")
ts = importlib.util.module_from_spec(spec)
sys.modules["ts"] = ts
spec.loader.exec_module(ts)
REWORDED = json.loads(Path("/tmp/s/reworded.json").read_text())


def test_eval(gallery):
    kinds = sorted(set(gallery.kinds.values()))
    from backend.embedded.gallery import KIND_QUERIES

    res = {}
    for alpha in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        for setname, qs in (
            ("kind queries", {k: [KIND_QUERIES[k]] for k in kinds}),
            ("reworded", {k: REWORDED[k] for k in kinds}),
        ):
            for method in ("raw", "calibrated", "rrf"):
                by = {}
                for k in kinds:
                    n = min(5, len(gallery.of_kind(k)))
                    by[k] = np.mean(
                        [
                            ts.kinds_found(gallery, gallery.get(q=q, k=5, alpha=alpha, method=method)).count(k) / n
                            for q in qs[k]
                        ]
                    )
                res[(alpha, setname, method)] = by
            print(
                alpha,
                setname,
                {
                    m: round(float(np.mean(list(res[(alpha, setname, m)].values()))), 3)
                    for m in ("raw", "calibrated", "rrf")
                },
            )
    for a in (0.5, 0.6):
        print(a)
        for k in kinds:
            print(
                f"{k:18}",
                len(gallery.of_kind(k)),
                *[
                    f"{res[(a, s, m)][k]:.2f}"
                    for s in ("kind queries", "reworded")
                    for m in ("raw", "calibrated", "rrf")
                ],
            )
    # one leg only
    for a in (0.0, 1.0):
        for s, qs in (("kind", {k: [KIND_QUERIES[k]] for k in kinds}), ("reworded", {k: REWORDED[k] for k in kinds})):
            print(
                "alpha",
                a,
                s,
                np.mean(
                    [
                        ts.kinds_found(gallery, gallery.get(q=q, k=5, alpha=a, method="raw")).count(k)
                        / min(5, len(gallery.of_kind(k)))
                        for k in kinds
                        for q in qs[k]
                    ]
                ),
            )
    for q in ("flowers in bloom",):
        for m in ("raw", "calibrated"):
            a = gallery.get(q=q, k=12, method=m)
            print(
                [
                    (gallery.kind_of(h), round(h["sim_image"], 2), h["sim_text"] and round(h["sim_text"], 2))
                    for h in a["hits"]
                ]
            )
    from backend.db.backgrounds import find_background

    with gallery.services.database.transaction() as s:
        for kind in ("words", "media"):
            c = find_background(s, 1, kind)
            if c:
                print(
                    kind,
                    {
                        leg: (
                            c.content[leg]["count"],
                            round(c.content[leg]["mean"], 3),
                            round(c.content[leg]["std"], 3),
                        )
                        for leg in ("image", "text")
                    },
                    c.content["correlation"],
                )
    for q in (
        "quarterly tax return form",
        "asdf qwer zxcv",
        "lorem ipsum dolor",
        "kubernetes ingress timeout",
        "42 17 99",
        "a dentist's drill",
        "parliament vote on pensions",
    ):
        a = gallery.get(q=q, k=1)
        print(
            q,
            a["verdict"],
            a["hits"][0]["calibrated_image"],
            a["hits"][0]["calibrated_text"],
            gallery.kind_of(a["hits"][0]),
        )


gallery = ts.gallery
