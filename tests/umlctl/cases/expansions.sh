linux ubd0=$HOME/root mem=`cat mem` ubd1=root.* ubd2=~/x con0={pts,null} 'single $HOME `x` *' "double $HOME" \$HOME "\$HOME" <input | tee log
