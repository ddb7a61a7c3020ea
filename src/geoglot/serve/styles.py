"""Styles that QGIS loads by itself when they lie beside a layer of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr


def qml(names: Sequence[str], tint: Mapping[str, str], band: int = 1) -> str:
    """A QGIS style for polygons with a column `label`, and for a raster whose `band` counts the labels from 1."""
    categories, symbols, entries = [], [], []
    for at, name in enumerate(names):
        label, colour = quoteattr(name), tint[name]
        channels = ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        categories.append(f'   <category symbol="{at}" value={label} label={label} render="true" type="string"/>')
        symbols.append(
            f'   <symbol type="fill" name="{at}" alpha="0.6"><layer class="SimpleFill"><Option type="Map">'
            f'<Option type="QString" name="color" value="{channels},255"/>'
            f'<Option type="QString" name="outline_style" value="no"/></Option></layer></symbol>'
        )
        entries.append(f'    <paletteEntry value="{at + 1}" color="{colour}" label={label} alpha="255"/>')
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.22" styleCategories="Symbology">\n'
        ' <renderer-v2 type="categorizedSymbol" attr="label" enableorderby="0">\n  <categories>\n'
        + "\n".join(categories)
        + "\n  </categories>\n  <symbols>\n"
        + "\n".join(symbols)
        + "\n  </symbols>\n </renderer-v2>\n <pipe>\n"
        f'  <rasterrenderer type="paletted" band="{band}" opacity="0.7">\n   <colorPalette>\n'
        + "\n".join(entries)
        + "\n   </colorPalette>\n  </rasterrenderer>\n </pipe>\n</qgis>\n"
    )


def hits_qml() -> str:
    """A QGIS style for hits of a search: outlines, stronger the better the rank, labelled with it."""
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="1">\n'
        ' <renderer-v2 type="RuleRenderer">\n  <rules key="all">\n'
        '   <rule key="best" filter="&quot;rank&quot; &lt;= 10" symbol="0" label="the first ten"/>\n'
        '   <rule key="rest" filter="ELSE" symbol="1" label="the rest"/>\n  </rules>\n  <symbols>\n'
        + "\n".join(
            f'   <symbol type="fill" name="{at}" alpha="1"><layer class="SimpleFill"><Option type="Map">'
            f'<Option type="QString" name="style" value="no"/>'
            f'<Option type="QString" name="outline_color" value="{colour}"/>'
            f'<Option type="QString" name="outline_width" value="{width}"/></Option></layer></symbol>'
            for at, (colour, width) in enumerate((("213,94,0,255", "0.9"), ("0,114,178,255", "0.5")))
        )
        + '\n  </symbols>\n </renderer-v2>\n <labeling type="simple"><settings><text-style fieldName="rank" fontSize="9" '
        'textColor="30,30,30,255"/></settings></labeling>\n</qgis>\n'
    )
