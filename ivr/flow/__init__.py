"""Call flows: the language (model, loader, checker, expressions) and the machine that runs it. Pure."""
