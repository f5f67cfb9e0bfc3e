"""All member data as files that any program reads: JSON Lines or CSV. Knows tables only."""
