"""Write the HTML that `dvc plots show` fills, with Vega inside: works offline."""

import argparse
import sys
from pathlib import Path

import vl_convert

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.study.runtime import atomic_file, run_stage

# Beside the packages that it is made of; .dvc/config names it.
PLACE = Path(".venv/plots.html")
# The last Vega-Lite 5: what DVC's templates are written for.
VEGA_LITE = "5.21"
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>DVC plots</title>
{refresh_tag}
<style>img { max-width: 100%; height: auto; }</style>
"""
# Not `{scripts}`, which would fetch Vega.
BODY = """
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Write the template of this project."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with atomic_file(PLACE) as partial:
        partial.write_text(write_template(), encoding="utf-8")
    print(f"wrote {PLACE}")


def write_template() -> str:
    """DVC's page with Vega, Vega-Lite and Vega-Embed as one script before the plots."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    # DVC's own scripts run while the page is read, so it can't be a module.
    return f"{HEAD}<script>(() => {{{bundle}}})();</script>{BODY}"


if __name__ == "__main__":
    run_stage(main)
