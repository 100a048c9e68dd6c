"""What stands on the pages is text, whatever it says."""

from backend.web.pages.formatting import with_code


def test_with_code__commands_of_hints() -> None:
    said = with_code("`mediacluster doctor --all` looks, <b>but</b> `<script>` is & stays text`")
    assert said == (
        "<code>mediacluster doctor --all</code> looks, &lt;b&gt;but&lt;/b&gt; <code>&lt;script&gt;</code> is &amp; stays text`"
    )
