"""`python -m talo_mini`: see `command`."""

from .command import main

if __name__ == "__main__":
    main()
