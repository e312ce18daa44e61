/** The page, put together: one mount for each tab. */

import { mountFiles } from "./files/files_tab.js";
import { mountLive } from "./live/live_tab.js";
import { AccessKey } from "./net/access_key.js";
import { ModelList } from "./net/model_list.js";
import { find } from "./ui/dom.js";
import { mountTalk } from "./talk/talk_tab.js";
import { SilentMode } from "./ui/silent_mode.js";
import { mountTabs } from "./ui/tabs.js";
import { mountTheme } from "./ui/theme.js";

const access = new AccessKey(() => localStorage);
const models = new ModelList(access);
const silent = new SilentMode(() => localStorage);
mountTheme(find(document, "#theme", HTMLButtonElement));
mountTabs(find(document, "[role=tablist]", HTMLElement));
mountLive(find(document, "#live", HTMLElement), { models, access, silent });
mountFiles(find(document, "#files", HTMLElement), { models, access, silent });
mountTalk(find(document, "#talk", HTMLElement), { models, access, silent });
models.subscribe(() => silent.lock(!models.takesAudio));
models.watch();
