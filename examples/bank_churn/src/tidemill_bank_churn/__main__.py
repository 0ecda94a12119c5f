"""`python -m tidemill_bank_churn`."""

from tidemill_bank_churn.command import main

if __name__ == "__main__":
    main()
