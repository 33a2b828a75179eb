"""``python -m sandbox``: both stand-ins with the bundled market day, until Ctrl-C."""

import threading

from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.sec import StandInSec


def main() -> None:
    """Start both servers, print their addresses, and wait."""
    with StandInSec(bundled_day()) as sec, StandInModel() as model:
        print(f"EDGAR   {sec.url}")
        print(f"prices  {sec.url}/prices.csv")
        print(f"model   {model.url}   (any key)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
