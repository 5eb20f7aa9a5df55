/*
 * libfam for Courier's imapd, which asks it to watch Maildirs and does without
 * where it cannot. The real one looks for its daemon for more than a second
 * at every login.
 */
int FAMOpen(void *fc);
int FAMClose(void *fc);
int FAMMonitorFile(void *fc, const char *name, void *fr, void *user);
int FAMMonitorDirectory(void *fc, const char *name, void *fr, void *user);
int FAMCancelMonitor(void *fc, const void *fr);
int FAMPending(void *fc);
int FAMNextEvent(void *fc, void *event);

int
FAMOpen(void *fc)
{
	(void)fc;
	return -1;
}

int
FAMClose(void *fc)
{
	return FAMOpen(fc);
}

int
FAMMonitorFile(void *fc, const char *name, void *fr, void *user)
{
	(void)name;
	(void)fr;
	(void)user;
	return FAMOpen(fc);
}

int
FAMMonitorDirectory(void *fc, const char *name, void *fr, void *user)
{
	return FAMMonitorFile(fc, name, fr, user);
}

int
FAMCancelMonitor(void *fc, const void *fr)
{
	(void)fr;
	return FAMOpen(fc);
}

int
FAMPending(void *fc)
{
	return FAMOpen(fc);
}

int
FAMNextEvent(void *fc, void *event)
{
	(void)event;
	return FAMOpen(fc);
}
