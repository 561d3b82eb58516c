"""The course as a web site: ``make site`` executes the lectures and writes ``site/``; the pages ask no other host."""
