"""Prints deploy/ as JSON: the Compose file as it is, the chart as Helm renders it, what Helm's lint says of it."""

import json
import sys

import yaml
from helm_python import chart

deploy, values = sys.argv[1], json.loads(sys.argv[2])
with open(f"{deploy}/compose/compose.yaml", encoding="utf-8") as file:
    compose = yaml.safe_load(file)
folder = f"{deploy}/helm/boobook"
rendered = chart.Chart.load(folder).render(values, name="owl", namespace="birds")
documents = [one for text in rendered.values() for one in yaml.safe_load_all(text) if one]
lint = chart.lint(folder, values, strict=True)
print(json.dumps({"compose": compose, "chart": documents, "lint": lint}))
