"""Survey: note what lies in data/incoming; `download` reruns where that changed."""

import json

from cytobalance.sources.survey import explain_survey, read_survey, survey
from cytobalance.study import places
from cytobalance.study.runtime import atomic_file, run_stage
from cytobalance.study.stages import read_settings

# In an empty folder, of which DVC would warn.
README = "Put the archives here that params.yaml names, under the name of `archive`.\n"


def main() -> None:
    """data/incoming and params.yaml -> data/sources.json."""
    study = read_settings("survey")
    places.INCOMING.mkdir(parents=True, exist_ok=True)
    if not any(places.INCOMING.iterdir()):
        (places.INCOMING / "README.txt").write_text(README, encoding="utf-8")
    before = read_survey(places.SURVEY)
    now = survey(study, places.INCOMING, before)
    for line in explain_survey(now, before, places.INCOMING):
        print(line)
    with atomic_file(places.SURVEY) as partial:
        partial.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {places.SURVEY}")


if __name__ == "__main__":
    run_stage(main)
