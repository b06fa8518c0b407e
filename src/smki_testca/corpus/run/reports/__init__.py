"""The forms of a report: text, JUnit, Markdown and HTML, each of one run or of several."""
