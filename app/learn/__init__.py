"""The guided tour: one file per step, each on the real engines and the sample; ``registry`` puts them in order."""
