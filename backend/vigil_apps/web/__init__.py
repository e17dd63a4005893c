"""What every HTTP edge of the backend shares: pages, rate limits, errors, input, request metrics. It knows no app."""
