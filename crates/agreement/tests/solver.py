"""Answers SMT-LIB commands on standard input, one at a time, with cvc5's Python bindings.

The PyPI package of cvc5 has no program of its own, and the prover of the Cedar policies wants one. What this is not:
a solver interface for anything else. SMT-LIB 2.6, section 3.
"""

import sys

import cvc5


class Session:
    """One solver with its symbols, from one `(reset)` to the next."""

    def __init__(self):
        terms = cvc5.TermManager()
        self.solver = cvc5.Solver(terms)
        self.symbols = cvc5.SymbolManager(terms)
        self.parser = cvc5.InputParser(self.solver, self.symbols)

    def answer(self, command):
        self.parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, command, "input")
        parts = []
        while True:
            step = self.parser.nextCommand()
            if step.isNull():
                return "".join(parts)
            parts.append(step.invoke(self.solver, self.symbols) or "")


def commands(lines):
    """Yields one balanced command after the other; text in quotes and after `;` has no parentheses that count."""
    pending, depth, quote = [], 0, None
    for line in lines:
        for place, letter in enumerate(line):
            if quote:
                quote = None if letter == quote else quote
            elif letter in '"|':
                quote = letter
            elif letter == ";":
                line = line[:place] + "\n"
                break
            elif letter == "(":
                depth += 1
            elif letter == ")":
                depth -= 1
        pending.append(line)
        if depth <= 0 and not quote:
            command = "".join(pending).strip()
            pending, depth = [], 0
            if command:
                yield command


def main():
    session = Session()
    for command in commands(sys.stdin):
        if command == "(reset)":
            session = Session()
            continue
        try:
            reply = session.answer(command + "\n")
        except Exception as error:  # whatever goes wrong is an answer, and the prover takes it as a failure
            reply = '(error "{}")\n'.format(" ".join(str(error).replace('"', "'").split()))
        sys.stdout.write(reply)
        sys.stdout.flush()
        if command == "(exit)":
            return


if __name__ == "__main__":
    main()
