"""The part of the Amazon States Language that Tessera's state machine uses: read strictly, run as Step Functions does.

Source: Amazon States Language specification, https://states-language.net/spec.html.
"""
