"""A scenario's text as plain values, read by a parser that shares no code with squall: for judging the schema."""
import re

import yaml

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_REAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.?[0-9]*([eE][-+]?[0-9]+)?")


def _scalar(node):
    """As YAML 1.2 reads it and the language's page says: 0777, 1_000, yes and .nan are texts."""
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text) and any(c.isdigit() for c in text):
        return float(text)
    return text


def _value(node):
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return {key.value: _value(item) for key, item in node.value}


def load(text):
    """Throws yaml.YAMLError. Keys are texts, as in JSON; of two keys of one name the last one stays."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return None if node is None else _value(node)
