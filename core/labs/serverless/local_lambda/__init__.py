"""Lambda, API Gateway and Step Functions on this machine: real processes and real clocks, no AWS."""
