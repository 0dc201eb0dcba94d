"""The local twin of Lambda, API Gateway and Step Functions: real processes and real clocks, no cloud."""
