"""Cases made elsewhere: arrays, matRad, pyRadPlan."""
