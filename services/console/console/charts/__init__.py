"""Charts as SVG text: values in, geometry in attributes, colours in classes, the finding in the title."""
